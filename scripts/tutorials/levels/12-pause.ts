import type { Level } from '../level.ts'
import { portsOf } from '../network-facts.ts'

export const level: Level = {
  id: '12',
  name: 'pause',
  title: { en: 'The pause container, and a pod by hand', zh: 'pause 容器，以及手工搭一个 Pod' },
  concept: {
    en: 'A namespace lives as long as somebody is in it. In a pod that somebody is the pause process: it makes the namespaces that are to be shared, and sleeps. The containers join it; they may end and come back, and find the same address.',
    zh: '只要还有进程在里面，命名空间就活着。在 Pod 里，这个“有人”就是 pause 进程：它创建要共用的命名空间，然后睡觉。容器加入进来；它们可以结束、再回来，地址始终不变。',
  },
  watch: "watch -n 1 'lsns -t net -o NS,NPROCS,PID,COMMAND'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'The pause process: network, IPC and host name of its own, and nothing to do.',
        zh: 'pause 进程：自己的网络、IPC 和主机名，然后无事可做。',
      },
      run: 'unshare --map-root-user --net --ipc --uts sh -c \'hostname pod; ip link set lo up; exec sleep 1000\' & pause=$!\nuntil [ "$(cat /proc/$pause/comm)" = sleep ]; do :; done\nreadlink /proc/$pause/ns/net',
      check: async (see) => {
        const net = see.namespace(await see.pid('pause'), 'net')
        return net !== '' && net !== see.namespace('self', 'net')
      },
      fact: { en: 'a network namespace with one process in it', zh: '一个只住着一个进程的网络命名空间' },
      nearly: {
        en: 'pause should be the sleep that holds the namespaces.',
        zh: 'pause 应当是握着这些命名空间的 sleep。',
      },
    },
    {
      say: {
        en: 'A container of the pod joins three namespaces and makes two of its own: mounts and pids.',
        zh: 'Pod 里的容器加入三个命名空间，再自建两个：挂载和 PID。',
      },
      run: 'mkdir www; echo "hello from the pod" >www/index.html\njoin() { exec nsenter --target $pause --user --net --ipc --uts --preserve-credentials -- unshare --mount --pid --fork --kill-child "$@"; }\nlistens() { grep -q ":1F90 .* 0A " /proc/$pause/net/tcp /proc/$pause/net/tcp6; }\n(join busybox httpd -f -p 8080 -h "$DIR/www") & server=$!\nuntil listens; do sleep 0.1; done\nweb=$(cat /proc/$server/task/$server/children); web=${web% }\nfor ns in net ipc uts mnt pid; do readlink /proc/$pause/ns/$ns /proc/$web/ns/$ns; done',
      check: async (see) => {
        const [pause, web] = [await see.pid('pause'), await see.pid('web')]
        const same = (kind: string) =>
          see.namespace(web, kind) !== '' && see.namespace(pause, kind) === see.namespace(web, kind)
        return (
          same('net') &&
          same('ipc') &&
          same('uts') &&
          !same('mnt') &&
          !same('pid') &&
          portsOf(see, pause).includes(8080)
        )
      },
      fact: {
        en: 'net, ipc and uts in pairs; mnt and pid not; and port 8080 listens in the pod',
        zh: 'net、ipc、uts 成对相同；mnt 和 pid 不同；Pod 里 8080 端口在监听',
      },
      nearly: { en: 'web should be the httpd, the child of unshare.', zh: 'web 应当是 httpd，即 unshare 的子进程。' },
    },
    {
      say: { en: 'A second container asks on 127.0.0.1.', zh: '第二个容器访问 127.0.0.1。' },
      run: '(join busybox wget -qO- http://127.0.0.1:8080/)',
      check: (see) => see.output === 'hello from the pod',
      fact: {
        en: 'one network, one loopback: that is why containers of a pod find each other there',
        zh: '同一个网络，同一个回环：所以同一 Pod 的容器在那里就能找到彼此',
      },
      nearly: { en: 'The answer should be: hello from the pod', zh: '应答应当是 hello from the pod' },
    },
    {
      say: { en: 'From out here, the same address is another one.', zh: '在外面，同样的地址却是另一个。' },
      run: 'busybox wget -T 2 -qO- http://127.0.0.1:8080/',
      fails: {
        en: '127.0.0.1 is the loopback of the own namespace; a port there is published to nobody.',
        zh: '127.0.0.1 指自己命名空间的回环；那里的端口并没有对任何人发布。',
      },
      check: (see) => see.output !== 'hello from the pod',
      fact: { en: 'nobody is there, or somebody else', zh: '那里没有人，或者是别人' },
      nearly: { en: 'Out here the page of the pod should not be found.', zh: '在外面不应当读到 Pod 的网页。' },
    },
    {
      say: {
        en: 'The server dies. The pod does not: pause is still there. Start the server again.',
        zh: '服务器死了，Pod 没死：pause 还在。再把服务器启动起来。',
      },
      run: 'before=$(readlink /proc/$pause/ns/net)\nkill -KILL $server; wait $server; while listens; do sleep 0.1; done\n(join busybox httpd -f -p 8080 -h "$DIR/www") & server=$!\nuntil listens; do sleep 0.1; done\nweb=$(cat /proc/$server/task/$server/children); web=${web% }\necho "$before $(readlink /proc/$web/ns/net)"',
      check: async (see) =>
        (await see.value('before')) === see.namespace(await see.pid('web'), 'net') &&
        portsOf(see, await see.pid('pause')).includes(8080),
      fact: {
        en: 'another process, the same network namespace: so the same address',
        zh: '进程换了，网络命名空间没换：所以地址也没换',
      },
      nearly: {
        en: 'The new httpd should be in the namespace of pause.',
        zh: '新的 httpd 应当处在 pause 的命名空间里。',
      },
    },
    {
      say: {
        en: 'And when pause is killed? The server still runs, but nobody can join by pause any more.',
        zh: '如果杀掉 pause 呢？服务器还在跑，但再也没人能通过 pause 加入进来。',
      },
      run: 'kill -KILL $pause; wait $pause\n(join true)',
      fails: {
        en: 'A kubelet now ends all containers of the pod and makes a new sandbox, with a new pause and perhaps a new address.',
        zh: '这时 kubelet 会结束该 Pod 的所有容器，重建沙箱：新的 pause，也许还有新的地址。',
      },
      check: async (see) =>
        see.exitCode !== 0 && see.namespace(await see.pid('web'), 'net') === (await see.value('before')),
      fact: {
        en: 'the namespace lives on with the server, and has lost its name',
        zh: '命名空间随服务器继续活着，只是没有了名字',
      },
      nearly: { en: 'pause should be gone and web should run.', zh: 'pause 应当已消失，web 应当仍在运行。' },
    },
    {
      say: {
        en: 'The same by glasspod: stop a container of a pod and start it again.',
        zh: '用 glasspod 做同样的事：停掉 Pod 里的一个容器，再启动它。',
      },
      run: 'glasspod pod create --name level12\nglasspod run -d --pod level12 --name web $IMAGE httpd -f -p 80 -h /www >/dev/null\nglasspod run --rm --pod level12 $IMAGE wget -qO- http://127.0.0.1/\nnet_of() { readlink /proc/$(glasspod inspect $1 | jq ".[0].State.Pid")/ns/net; }\nfirst=$(net_of web); glasspod kill web >/dev/null; glasspod wait web >/dev/null; glasspod start web >/dev/null; second=$(net_of web)\necho "$first $second"; glasspod graph level12 | cut -c 1-76',
      check: async (see) =>
        (await see.value('first')) !== '' &&
        (await see.value('first')) === (await see.value('second')) &&
        /pause/.test(see.output),
      fact: { en: 'the network is the one that pause holds, before and after', zh: '前后都是 pause 握着的那个网络' },
      nearly: { en: 'Both numbers should be the same.', zh: '两个号码应当相同。' },
    },
    {
      say: {
        en: 'Your pause was a sleep of 1000 seconds. What does the one of glasspod do?',
        zh: '你的 pause 是一个 1000 秒的 sleep。glasspod 的 pause 在做什么？',
      },
      run: 'glasspod explain pod create | grep -A 6 "pause.wait"',
      check: (see) => /rt_sigtimedwait\(/.test(see.output),
      fact: {
        en: 'rt_sigtimedwait(2): it sleeps until somebody tells it to stop, and then exits',
        zh: 'rt_sigtimedwait(2)：一直睡到有人叫它停下，然后退出',
      },
      nearly: { en: 'The step is called pause.wait.', zh: '这一步名为 pause.wait。' },
    },
  ],
  question: {
    ask: {
      en: 'Why not let the first container hold the namespaces, and save the pause process?',
      zh: '为什么不让第一个容器来握着命名空间，省掉 pause 进程？',
    },
    answer: {
      en: 'Then its end would be the end of the pod’s network, and a restart would have another address. pause runs no code of the user’s, so it has no reason to end; it costs 12 kB.',
      zh: '那样它一结束，Pod 的网络也就结束了，重启后地址就变了。pause 不运行用户的任何代码，没有理由结束；它只占 12 kB 内存。',
    },
  },
}
