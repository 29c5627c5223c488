import type { Level } from '../level.ts'

const MANIFEST = `cat >pod.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: level13, labels: {app: shop}}
spec:
  restartPolicy: Always
  volumes: [{name: pages, emptyDir: {}}]
  containers:
  - name: web
    image: $IMAGE
    command: [httpd, -f, -p, "80", -h, /pages]
    volumeMounts: [{name: pages, mountPath: /pages}]
  - name: writer
    image: $IMAGE
    command: [sh, -c, "date >/pages/index.html; exec sleep 1000"]
    volumeMounts: [{name: pages, mountPath: /pages}]
END`

/** Shell functions of the level: a field of inspect, and the pid of the web server or of pause. */
const FUNCTIONS = `field() { glasspod inspect level13-web | jq -r ".[0]$1"; }
pod() { glasspod pod inspect \${2:-level13} | jq -r ".[0].$1"; }`

/** What play did, in its order: pause, its network, the two containers. */
const TOLD = /pod\.pause\n.*network\.attach\n.*container\.init\n.*container\.init\n/

export const level: Level = {
  id: '13',
  name: 'manifest',
  title: { en: 'What a kubelet does with a Pod manifest', zh: 'kubelet 拿到 Pod 清单之后做什么' },
  concept: {
    en: 'A kubelet is given a manifest: what shall be, not what to do. It makes a sandbox (a pause process with its namespaces and an address), starts the containers in it, and then keeps looking: what has ended is started again, by the restartPolicy. `glasspod play` does the same with the same YAML.',
    zh: 'kubelet 拿到的是一份清单：写的是“应当如何”，不是“要做什么”。它先建沙箱（一个 pause 进程，带着命名空间和地址），在里面启动容器，然后一直盯着：结束了的，按 restartPolicy 再启动。`glasspod play` 用同样的 YAML 做同样的事。',
  },
  watch: "watch -n 1 'glasspod ps -a; glasspod pod ps'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'A manifest: two containers that share a directory, emptyDir. What would be made of it?',
        zh: '一份清单：两个容器共用一个目录 emptyDir。由它会做出什么来？',
      },
      run: `${MANIFEST}\nglasspod play --dry-run pod.yaml | cut -c 1-76`,
      check: (see) => /level13-web/.test(see.output) && /level13-writer/.test(see.output),
      fact: { en: 'two containers in one pod, and nothing made yet', zh: '一个 Pod 里的两个容器，而且还什么都没建' },
      nearly: { en: 'Both containers should be listed.', zh: '两个容器都应当列出来。' },
    },
    {
      say: {
        en: 'A cluster’s API server refuses a field that it does not know when kubectl asks it to, as kubectl does by default; otherwise it warns, and drops the field. Here the fields that are not had are refused, by line and path, so that nobody believes in a probe that nobody runs.',
        zh: 'kubectl 默认会要求集群的 API server 拒绝它不认识的字段；不作此要求时，API server 只是警告，然后丢掉该字段。这里没有实现的字段会连行号和路径一起被拒绝，免得有人以为存在一个其实没人执行的探针。',
      },
      run: "sed 's/command: \\[httpd/livenessProbe: {}\\n    &/' pod.yaml >probe.yaml\nglasspod play probe.yaml",
      fails: {
        en: 'A manifest that is obeyed in part is worse than one that is refused.',
        zh: '只照办一部分的清单，比被拒绝的清单更糟。',
      },
      check: (see) => see.exitCode === 125 && /spec\.containers\[0\]\.livenessProbe/.test(see.output),
      fact: {
        en: 'spec.containers[0].livenessProbe, and the reason',
        zh: '给出了 spec.containers[0].livenessProbe 和原因',
      },
      nearly: { en: 'The refusal should name the field.', zh: '拒绝的信息里应当有字段名。' },
    },
    {
      say: {
        en: 'Now for real. First the sandbox, then the containers in its namespaces: --explain tells each step while it is made, here are four of them.',
        zh: '现在动真格的：先是沙箱，然后是它命名空间里的容器。--explain 边做边讲每一步，这里挑出四步。',
      },
      run: `${FUNCTIONS}\nglasspod play --explain pod.yaml 2>told\ngrep -oE "^✔ [0-9]+ (pod.pause|network.attach|container.init)" told\npause=$(pod InfraPid); web=$(field .State.Pid); address=$(pod IP)\nreadlink /proc/$pause/ns/net /proc/$web/ns/net`,
      check: async (see) => {
        const [pause, web] = [await see.pid('pause'), await see.pid('web')]
        const net = see.namespace(web, 'net')
        return net !== '' && net === see.namespace(pause, 'net') && TOLD.test(see.output)
      },
      fact: {
        en: 'the web server is in the network namespace that pause holds',
        zh: '网页服务器就在 pause 握着的网络命名空间里',
      },
      nearly: { en: 'The last two lines should be the same.', zh: '最后两行应当相同。' },
    },
    {
      say: {
        en: 'The phase sums up its containers: Pending until each has started once, Running while one runs.',
        zh: 'phase（阶段）是对各容器的概括：每个都启动过一次之前是 Pending，有一个在运行就是 Running。',
      },
      run: 'pod Phase\nglasspod exec level13-writer wget -qO- http://127.0.0.1/',
      check: (see) => /^Running\n.*\d\d:\d\d:\d\d/.test(see.output),
      fact: {
        en: 'Running; and the page that writer wrote is served by web',
        zh: 'Running；writer 写的网页由 web 提供出来',
      },
      nearly: { en: 'It should say Running, and show a date.', zh: '应当显示 Running 和一个日期。' },
    },
    {
      say: {
        en: 'The web server dies, by a hand that is not glasspod’s. Wait for the next one.',
        zh: '网页服务器死了，而且不是 glasspod 动的手。等下一个出现。',
      },
      run: 'kill -KILL $web\nuntil again=$(field .State.Pid); [ $again -gt 0 ] && [ $again != $web ]; do sleep 0.1; done\nfield .RestartCount; echo "$address $(pod IP)"; readlink /proc/$again/ns/net',
      check: async (see) =>
        see.namespace(await see.pid('again'), 'net') === see.namespace(await see.pid('pause'), 'net') &&
        (await see.pid('again')) !== (await see.pid('web')) &&
        /^1\n(\S+) \1\n/.test(see.output),
      fact: {
        en: 'restarted once, another process, the same namespace and the same address',
        zh: '重启了一次：进程换了，命名空间和地址都没变',
      },
      nearly: { en: 'Nothing should have changed but the pid.', zh: '除了 PID，什么都不应当变。' },
    },
    {
      say: {
        en: 'A pod that is to end: with restartPolicy Never an exit code of 3 is final. Always would try for ever, with longer and longer waits: what kubectl calls CrashLoopBackOff.',
        zh: '注定要结束的 Pod：restartPolicy 为 Never 时，退出码 3 就是最终结果。Always 则会一直重试，间隔越来越长：kubectl 管这叫 CrashLoopBackOff。',
      },
      run: `cat >job.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: level13-job}
spec:
  restartPolicy: Never
  containers: [{name: job, image: $IMAGE, command: [sh, -c, "exit 3"]}]
END
glasspod play job.yaml >/dev/null
until phase=$(pod Phase level13-job); [ $phase != Running ]; do sleep 0.1; done
echo $phase; glasspod down job.yaml >/dev/null`,
      check: (see) => see.output === 'Failed',
      fact: { en: 'Failed; with exit code 0 it would be Succeeded', zh: 'Failed；退出码若是 0，就会是 Succeeded' },
      nearly: { en: 'The phase should be Failed.', zh: '阶段应当是 Failed。' },
    },
    {
      say: {
        en: 'Now pause alone is killed. Its containers run on, in namespaces that nobody can join by pause any more. A kubelet looks every second, ends them and makes a new sandbox; glasspod hears of it at once, by a pipe that pause held open, and does the same. They get SIGTERM and ten seconds, for process 1 without a handler drops it (level 04). (Descriptor 9 keeps the old namespace, or its number could be given to the next.)',
        zh: '现在只杀掉 pause。容器照常运行，只是再也没人能通过 pause 加入这些命名空间。kubelet 每秒查看一次，会结束它们并重建沙箱；glasspod 靠 pause 一直开着的一个管道当场得知，也这样做。它们先收到 SIGTERM，有十秒的时间：没有处理函数的 1 号进程会丢掉它（见第 04 关）。（描述符 9 留住旧的命名空间，免得它的编号给了下一个。）',
      },
      run: 'exec 9</proc/$pause/ns/net; old=$(readlink /proc/$pause/ns/net)\nkill -KILL $pause\nuntil third=$(field .State.Pid); [ $third -gt 0 ] && [ $third != $again ]; do sleep 0.1; done\nnext=$(pod InfraPid); echo "$old $(readlink /proc/$third/ns/net)"',
      check: async (see) => {
        const net = see.namespace(await see.pid('third'), 'net')
        const isNew = net !== '' && net !== (await see.value('old'))
        return isNew && net === see.namespace(await see.pid('next'), 'net')
      },
      fact: {
        en: 'a new pause, a new network namespace: the pod is another one of the same name',
        zh: '新的 pause、新的网络命名空间：名字相同，却已是另一个 Pod',
      },
      nearly: {
        en: 'The server should be in the namespace of a new pause.',
        zh: '服务器应当在新 pause 的命名空间里。',
      },
    },
    {
      say: { en: 'What play made, down takes away.', zh: 'play 做出来的，由 down 收走。' },
      run: 'glasspod down -t 0 pod.yaml >/dev/null; glasspod pod ps -q; cat /proc/$next/comm',
      fails: { en: 'The last process of the pod is gone.', zh: 'Pod 的最后一个进程也没了。' },
      check: async (see) => see.read(`/proc/${await see.value('next')}/comm`) === '',
      fact: { en: 'no pod, no pause', zh: '没有 Pod，也没有 pause' },
      nearly: { en: 'The pause process should be gone.', zh: 'pause 进程应当已消失。' },
    },
  ],
  question: {
    ask: {
      en: 'A container came back three times, and clients noticed nothing but short gaps. Why, when each time it was another process?',
      zh: '一个容器回来了三次，客户端只感到短暂的中断。每次都是另一个进程，为什么会这样？',
    },
    answer: {
      en: 'The address belongs to the network namespace, and pause holds that. Only when pause ends does the pod get another one, and its old address may be given to somebody else. Here its emptyDir in memory is gone then, too; a kubelet keeps it as long as the pod is on its node.',
      zh: '地址属于网络命名空间，而握着它的是 pause。只有 pause 结束了，Pod 才会换一个网络命名空间，原来的地址也可能给了别人。在这里，内存里的 emptyDir 那时也没了；kubelet 则会一直留着它，直到 Pod 离开这个节点。',
    },
  },
}
