import { existsSync } from 'node:fs'
import type { Level, Need, Witness } from '../level.ts'
import { devicesOf } from '../network-facts.ts'
import { SAY } from '../say.ts'

const devicesOfNode = async (see: Witness): Promise<string> => devicesOf(see, await see.pid('node')).join()
const hasCable = async (see: Witness): Promise<boolean> => (await devicesOfNode(see)) === 'lo,cable'
/** And the node is still there to have none. */
const hasNoCable = async (see: Witness): Promise<boolean> => (await devicesOfNode(see)) === 'lo'

/** A bind mount of a namespace: its root is the name of the namespace, its type nsfs (namespaces(7)). */
const isHeldByMount = async (see: Witness): Promise<boolean> =>
  see
    .read(`/proc/${await see.pid('node')}/mountinfo`)
    .includes(` net:[${await see.value('inode')}] ${see.directory}/held `)

const cgroup: Need = {
  name: SAY.cgroup,
  isThere: async (see) => (await see.value('CGROUP')) !== '',
}

/** A pod on a cable to the node, and what its network namespace is called. */
const WIRE =
  'nsenter --target $node --user --preserve-credentials -- unshare --net sleep 1000 & pod=$!\nuntil [ "$(cat /proc/$pod/comm)" = sleep ]; do :; done\nin_node ip link add cable type veth peer name eth0 netns $pod\ninode=$(stat -Lc %i /proc/$pod/ns/net)'

export const level: Level = {
  id: '15',
  name: 'cleanup',
  title: { en: 'Clean-up: what is left, and who holds it', zh: '清理：还剩什么，被谁占着' },
  concept: {
    en: 'Some of a container ends by itself: namespaces, and in them mounts, interfaces, routes and firewall rules, live as long as somebody holds them, and not a moment longer. The rest are names in some directory, and stay until they are deleted: files, leases, cgroups. Residue is either a holder that was forgotten or a name that nobody uses.',
    zh: '容器的一部分会自行消失：命名空间，连同里面的挂载、接口、路由和防火墙规则，有人占着就活着，没人占着就立刻消失。其余的都是某个目录里的名字，不删就一直在：文件、租约、cgroup。所谓残留，要么是一个被遗忘的占用者，要么是一个没人再用的名字。',
  },
  watch: "watch -n 1 'lsns -t net; ls -l /proc/[0-9]*/fd 2>/dev/null | awk /net:/'",
  cgroup: 'wanted',
  image: 'stored',
  steps: [
    {
      say: {
        en: 'A node and a pod, with a cable between them, as in level 09.',
        zh: '一个节点和一个 Pod，中间一根网线，同第 09 关。',
      },
      run: `unshare --map-root-user --net --mount sleep 1000 & node=$!\nuntil [ "$(cat /proc/$node/comm)" = sleep ]; do :; done\nin_node() { nsenter --target $node --user --net --mount --preserve-credentials --wd=$DIR -- "$@"; }\n${WIRE}\nin_node ip -brief link`,
      check: hasCable,
      fact: { en: 'the node has its end of the cable', zh: '节点这头有网线的一端' },
      nearly: { en: 'cable should be a device of the node.', zh: 'cable 应当是节点里的设备。' },
    },
    {
      say: {
        en: 'The pod’s one process ends. Who takes the cable away?',
        zh: 'Pod 里唯一的进程结束了。谁来收走网线？',
      },
      run: 'kill -KILL $pod; wait $pod\nwhile grep -q cable: /proc/$node/net/dev; do sleep 0.1; done\nin_node ip -brief link',
      check: hasNoCable,
      fact: {
        en: 'the kernel: nobody held the namespace, so it went, eth0 went with it, and a veth has two ends or none',
        zh: '内核：命名空间没人占着就消失了，eth0 也随之消失；而 veth 要么有两头，要么一头也没有',
      },
      nearly: { en: 'The pod’s process should be gone.', zh: 'Pod 的进程应当已经消失。' },
    },
    {
      say: {
        en: 'Once more, and this time the namespace gets a name: a bind mount, as ip netns add makes one. Then the process ends.',
        zh: '再来一次，这回给命名空间起个名字：一个绑定挂载，ip netns add 也是这样做的。然后让进程结束。',
      },
      run: `${WIRE}\n: >held; in_node mount --bind /proc/$pod/ns/net held\nkill -KILL $pod; wait $pod\nlsns -t net -o NS,PID,COMMAND | grep $inode`,
      fails: {
        en: 'lsns(8) reads /proc/*/ns, and no process is in this namespace. An address that answers although no container has it is often this.',
        zh: 'lsns(8) 读的是 /proc/*/ns，而这个命名空间里没有进程。某个地址明明不属于任何容器却还有应答，往往就是这个原因。',
      },
      check: async (see) => see.exitCode !== 0 && (await hasCable(see)) && (await isHeldByMount(see)),
      fact: {
        en: 'not in the list of lsns, but the cable is still there',
        zh: 'lsns 的列表里没有它，网线却还在',
      },
      nearly: {
        en: 'held should be bound while the pod’s process still lives, inside the node’s mount namespace.',
        zh: '应当趁 Pod 的进程还活着，在节点的挂载命名空间里绑定 held。',
      },
    },
    {
      say: {
        en: 'Such a holder is found in the mount tables: the file system is called nsfs. Take it away.',
        zh: '这种占用者要到挂载表里找：文件系统叫 nsfs。把它卸掉。',
      },
      run: 'grep -l " - nsfs " /proc/[0-9]*/mountinfo 2>/dev/null | grep "/$node/"\nin_node umount held\nwhile grep -q cable: /proc/$node/net/dev; do sleep 0.1; done\nin_node ip -brief link',
      check: async (see) => !(await isHeldByMount(see)) && (await hasNoCable(see)),
      fact: { en: 'with the mount the namespace went, and the cable', zh: '挂载一没，命名空间和网线也就没了' },
      nearly: { en: 'The umount has to be done inside: in_node umount held', zh: '要在里面卸载：in_node umount held' },
    },
    {
      say: {
        en: 'The third kind of holder is the least visible one: an open file. This shell opens the namespace; the process ends.',
        zh: '第三种占用者最不显眼：一个打开的文件。由当前 shell 打开这个命名空间，然后进程结束。',
      },
      run: `${WIRE}\nexec 7</proc/$pod/ns/net\nkill -KILL $pod; wait $pod\nls -l /proc/[0-9]*/fd/* 2>/dev/null | grep "net:\\[$inode" | grep -o "/proc/.*"`,
      check: async (see) => (await hasCable(see)) && see.output.includes(`/fd/7 -> net:[${await see.value('inode')}]`),
      fact: {
        en: 'descriptor 7 of this shell holds it: /proc/PID/fd says so, for every process that is yours',
        zh: '占着它的是当前 shell 的描述符 7：只要是你的进程，/proc/PID/fd 都会告诉你',
      },
      nearly: { en: 'The namespace should be opened before the process ends.', zh: '应当在进程结束之前打开命名空间。' },
    },
    {
      say: { en: 'Close it.', zh: '关掉它。' },
      run: 'exec 7<&-\nwhile grep -q cable: /proc/$node/net/dev; do sleep 0.1; done\nin_node ip -brief link',
      check: hasNoCable,
      fact: {
        en: 'process, mount, descriptor: a network namespace has no fourth kind. User and PID namespaces are held by those below them, too: namespaces(7)',
        zh: '进程、挂载、描述符：对网络命名空间来说没有第四种。用户和 PID 命名空间还会被自己下级的命名空间占着，见 namespaces(7)',
      },
      nearly: { en: 'exec 7<&- closes it.', zh: 'exec 7<&- 会关闭它。' },
    },
    {
      say: {
        en: 'Now names. A cgroup outlives its processes, as a directory does.',
        zh: '再来看名字。cgroup 和目录一样，比里面的进程活得久。',
      },
      needs: cgroup,
      run: "mkdir $CGROUP/left\nsh -c 'echo 0 >$CGROUP/left/cgroup.procs'\ngrep populated $CGROUP/left/cgroup.events; ls -d $CGROUP/left",
      check: async (see) => see.read(`${await see.value('CGROUP')}/left/cgroup.events`).includes('populated 0'),
      fact: {
        en: 'populated 0, and still there: rmdir is for who made it',
        zh: 'populated 0，目录却还在：谁建的，就由谁 rmdir',
      },
      nearly: { en: 'left should be an empty cgroup.', zh: 'left 应当是一个空的 cgroup。' },
    },
    {
      say: {
        en: 'Files of a container belong to ids of your range in /etc/subuid. Delete some:',
        zh: '容器的文件归你在 /etc/subuid 里那段 id 所有。删几个试试：',
      },
      run: "unshare --map-root-user --map-auto sh -c 'mkdir theirs; echo data >theirs/file; chown -R 33:33 theirs'\nrm -rf theirs",
      fails: {
        en: 'To the host it is a stranger’s directory. Only root may, or root of a user namespace with the same map.',
        zh: '在宿主机看来，那是陌生人的目录。只有 root 才能删，或者是映射相同的用户命名空间里的 root。',
      },
      check: (see) => see.exitCode !== 0 && existsSync(`${see.directory}/theirs/file`),
      fact: { en: 'EACCES: the file is still there', zh: 'EACCES：文件还在' },
      nearly: { en: 'theirs should belong to id 33 of the namespace.', zh: 'theirs 应当归命名空间里的 id 33 所有。' },
    },
    {
      say: { en: 'So go where it is yours.', zh: '那就到它归你的地方去删。' },
      run: 'unshare --map-root-user --map-auto rm -rf theirs\nls -d theirs || echo gone',
      check: (see) => !existsSync(`${see.directory}/theirs`) && /^gone$/m.test(see.output),
      fact: { en: 'gone: podman unshare is this command, too', zh: '没了：podman unshare 也就是这条命令' },
      nearly: { en: 'rm should run inside, with --map-auto.', zh: 'rm 应当在里面执行，并带上 --map-auto。' },
    },
    {
      say: {
        en: 'What a container of glasspod leaves, and where: a layer of its own, a lease, processes with mounts that nobody else sees.',
        zh: 'glasspod 的容器会留下什么、留在哪里：自己的一层文件、一份租约，以及若干进程，它们的挂载别人看不见。',
      },
      run: 'id=$(glasspod run -d --name level15 $IMAGE sleep 1000)\nbox=$(glasspod inspect level15 | jq ".[0].State.Pid")\nls $GLASSPOD_ROOT/containers | cut -c 1-12; ls $GLASSPOD_ROOT/run/cni/glasspod\ngrep -c . /proc/$box/mountinfo; grep -c "$GLASSPOD_ROOT" /proc/self/mountinfo',
      check: async (see) => {
        const root = await see.value('GLASSPOD_ROOT')
        const overlay = / - overlay /
        return (
          existsSync(`${root}/containers/${await see.value('id')}`) &&
          overlay.test(see.read(`/proc/${await see.pid('box')}/mountinfo`)) &&
          !see.read('/proc/self/mountinfo').includes(root)
        )
      },
      fact: {
        en: 'its overlay is in its own mount namespace; of our mounts, 0 lie below the root directory',
        zh: '它的 overlay 在它自己的挂载命名空间里；我们这边，根目录下的挂载数为 0',
      },
      nearly: { en: 'box should be the pid of the container’s process.', zh: 'box 应当是容器进程的 pid。' },
    },
    {
      say: {
        en: 'rm undoes the steps of run in reverse: first the holders, then the names.',
        zh: 'rm 按相反的顺序撤销 run 的各个步骤：先是占用者，然后是名字。',
      },
      run: 'glasspod rm -f --explain level15 2>&1 | grep "^✔" | cut -c 1-76\nls $GLASSPOD_ROOT/containers $GLASSPOD_ROOT/run/cni/glasspod | grep -v last',
      check: async (see) => {
        const [id, box] = [await see.value('id'), await see.pid('box')]
        return (
          id !== '' &&
          box > 0 &&
          !existsSync(`${await see.value('GLASSPOD_ROOT')}/containers/${id}`) &&
          !existsSync(`/proc/${box}/ns/net`) &&
          !/^10\./m.test(see.output)
        )
      },
      fact: { en: 'process, layer and lease are gone', zh: '进程、文件层和租约都没了' },
      nearly: { en: 'glasspod ps -a should not list level15 any more.', zh: 'glasspod ps -a 里不应再有 level15。' },
    },
    {
      say: {
        en: 'And when nothing gets to undo anything? Another root directory; its holder is killed by SIGKILL, and somebody deletes its files by hand.',
        zh: '如果什么都来不及撤销呢？另起一个根目录，用 SIGKILL 杀掉它的 holder 进程，再有人直接手工删掉了它的文件。',
      },
      run: 'glasspod --root $DIR/other agent start\nleft=$(readlink $DIR/other/run)\nkill -KILL $(jq .pid $left/holder.json)\nunshare --map-root-user --map-auto rm -rf other\nglasspod doctor --residue | grep -E "$left|${left##*/}"',
      check: async (see) => {
        const left = await see.value('left')
        return left !== '' && existsSync(left) && see.output.includes(`rm -r ${left}`)
      },
      fact: {
        en: 'doctor --residue names what belongs to no living node, and how to remove it',
        zh: 'doctor --residue 列出了不属于任何活动节点的东西，以及如何删除',
      },
      nearly: {
        en: 'left should be the runtime directory of a root whose holder is gone.',
        zh: 'left 应当是一个 holder 已消失的根目录所对应的运行时目录。',
      },
    },
    {
      say: { en: 'Do what it says, for this one.', zh: '照它说的做，只处理这一个。' },
      run: 'glasspod doctor --residue | grep -E "$left|${left##*/}" | sed -n "s/^ *try  //p" >remedy\ncat remedy; sh remedy\nglasspod doctor --residue | grep -E "$left|${left##*/}"',
      fails: {
        en: 'grep finds nothing: that is the residue test. glasspod’s own tests end each with such a look.',
        zh: 'grep 什么也没找到：残留检查就是这样。glasspod 自己的测试，每个都以这样一眼收尾。',
      },
      check: async (see) => see.exitCode === 1 && !existsSync(await see.value('left')),
      fact: { en: 'gone, and not listed any more', zh: '没了，列表里也不再有它' },
      nearly: { en: 'The lines after try are commands: run them.', zh: 'try 后面就是命令：执行它们。' },
    },
    {
      say: {
        en: 'All at once: system reset ends agent and containers, and removes the root directory and what belongs to it.',
        zh: '一次清光：system reset 会结束 agent 和所有容器，并删除根目录及其附属的一切。',
      },
      run: 'agent=$(jq .pid $GLASSPOD_ROOT/run/holder.json); run=$(readlink $GLASSPOD_ROOT/run)\nglasspod system reset --force\nls -d $GLASSPOD_ROOT $run',
      fails: {
        en: 'It asks before it does that, unless --force is given: images and all containers go with it.',
        zh: '不加 --force 的话，它动手之前会先问一句：镜像和所有容器都会一起没掉。',
      },
      check: async (see) =>
        !existsSync(await see.value('GLASSPOD_ROOT')) &&
        !existsSync(await see.value('run')) &&
        !existsSync(`/proc/${await see.pid('agent')}/ns/net`),
      fact: {
        en: 'no root directory, no runtime directory, no process: as before the first command',
        zh: '没有根目录，没有运行时目录，没有进程：和第一条命令之前一样',
      },
      nearly: { en: 'GLASSPOD_ROOT should not be there any more.', zh: 'GLASSPOD_ROOT 应当已不存在。' },
    },
  ],
  question: {
    ask: {
      en: 'A container was removed, but df still shows the space of its 5 GB file as used. Which of the kinds of holder is it, and how do you find it?',
      zh: '容器已经删除，df 却显示它那个 5 GB 文件的空间仍被占用。这是哪一种占用者？怎么找到它？',
    },
    answer: {
      en: 'Some process still has the file open: a name can go before its last holder. ls -l /proc/*/fd | grep deleted finds it, or lsof +L1: a log shipper, a backup, a shell on the host that writes into it. The space is free when it closes the file or ends.',
      zh: '还有某个进程开着这个文件：名字可以先于最后一个占用者消失。用 ls -l /proc/*/fd | grep deleted 或 lsof +L1 就能找到：也许是日志采集程序、备份程序，或者宿主机上正往里写的一个 shell。它关闭文件或结束后，空间就释放了。',
    },
  },
}
