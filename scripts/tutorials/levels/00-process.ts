import type { Level } from '../level.ts'

export const level: Level = {
  id: '00',
  name: 'process',
  title: { en: 'A process, and what /proc says of it', zh: '进程，以及 /proc 里的它' },
  concept: {
    en: 'A container is not a thing of its own in the kernel. It is a process, of which some things were made to look different: what it can name, what it may do, how much it may use. All of that can be read in /proc.',
    zh: '内核里并没有“容器”这种东西。容器就是一个进程，只是它看得见的名字、被允许做的事、可以使用的资源都被换了一副样子。这一切都能在 /proc 里读到。',
  },
  watch: "watch -n 1 'ps -o pid,ppid,comm --ppid $shell'",
  image: 'stored',
  steps: [
    {
      say: { en: 'Start a process to look at, and keep its pid.', zh: '先启动一个进程作为观察对象，并记下它的 pid。' },
      run: 'sleep 1000 & pid=$!',
      check: async (see) => see.read(`/proc/${await see.value('pid')}/comm`) === 'sleep\n',
      fact: { en: '/proc/$pid/comm says: sleep', zh: '/proc/$pid/comm 的内容是 sleep' },
      nearly: {
        en: 'The variable pid should hold the pid of a sleep: is the & there?',
        zh: '变量 pid 应当是 sleep 的进程号：有没有漏掉 &？',
      },
    },
    {
      say: {
        en: 'Its name, its parent, who it is and what it may do: five of the sixty lines that the kernel has on it.',
        zh: '它的名字、父进程、身份和权限：内核为它记录了约六十行信息，这里看其中五行。',
      },
      run: "grep -E '^(Name|State|PPid|Uid|CapEff):' /proc/$pid/status",
      check: async (see) =>
        see.status(await see.pid('pid'), 'PPid') === (await see.value('$')) && /^CapEff:\t0+$/m.test(see.output),
      fact: {
        en: 'its parent is this shell, and it has no capability: CapEff is 0',
        zh: '它的父进程就是这个 shell，而且没有任何能力（capability）：CapEff 为 0',
      },
      nearly: {
        en: 'The line PPid should name this shell ($$), and CapEff should be 0.',
        zh: 'PPid 应当是本 shell（$$），CapEff 应当为 0。',
      },
    },
    {
      say: {
        en: 'A process is in one namespace of each kind. They are files, told apart by their inode numbers. This shell and its child are in the same ones.',
        zh: '每个进程在每一类命名空间（namespace）里各占一席。命名空间表现为文件，用 inode 号区分。这个 shell 和它的子进程处在同样的命名空间里。',
      },
      run: 'for ns in uts mnt pid net; do readlink /proc/$pid/ns/$ns /proc/$$/ns/$ns; done',
      check: async (see) => {
        const pid = await see.pid('pid')
        return ['uts', 'mnt', 'pid', 'net'].every((kind) => see.namespace(pid, kind) === see.namespace('self', kind))
      },
      fact: {
        en: 'each number stands there twice: nothing is isolated yet',
        zh: '每个号码都成对出现：此刻还没有任何隔离',
      },
      nearly: { en: 'Each pair of lines should be equal.', zh: '每一对输出应当相同。' },
    },
    {
      say: {
        en: 'And process 1 of this machine? It belongs to somebody else.',
        zh: '那么这台机器的 1 号进程呢？它属于别人。',
      },
      run: 'readlink /proc/1/ns/pid',
      fails: {
        en: 'Who may look at a process is asked of ptrace(2)’s rules: its user, or who has capabilities over it.',
        zh: '能否查看一个进程由 ptrace(2) 的规则决定：必须是同一用户，或对它拥有相应能力。',
      },
      check: (see) => see.exitCode !== 0,
      fact: { en: 'the kernel refuses: EACCES', zh: '内核拒绝了：EACCES' },
      nearly: { en: 'This should be refused to an ordinary user.', zh: '普通用户应当被拒绝。' },
    },
    {
      say: {
        en: 'Now a container. To the host it is a process like the other one, with a pid of the host.',
        zh: '现在来一个容器。在宿主机看来它和刚才的进程没有两样，也有宿主机上的 pid。',
      },
      run: 'glasspod run -d --name level0 --network none $IMAGE sleep 1000\nbox=$(glasspod inspect level0 | jq ".[0].State.Pid")\nreadlink /proc/$box/ns/uts /proc/$box/ns/mnt /proc/$box/ns/pid /proc/$box/ns/net',
      check: async (see) => {
        const box = await see.pid('box')
        return ['uts', 'mnt', 'pid', 'net'].every((kind) => {
          const inode = see.namespace(box, kind)
          return inode !== '' && inode !== see.namespace('self', kind)
        })
      },
      fact: {
        en: 'the same program, and four other numbers: that is the difference',
        zh: '同样的程序，四个不同的号码：这就是区别所在',
      },
      nearly: {
        en: 'The variable box should hold the pid of the container’s process.',
        zh: '变量 box 应当是容器进程的 pid。',
      },
    },
    {
      say: {
        en: 'What glasspod did for one of the four, with its reason:',
        zh: 'glasspod 为其中一个命名空间做了什么，以及原因：',
      },
      run: 'glasspod explain run --network none $IMAGE true | grep -A 6 "namespaces.pid"',
      check: (see) => /unshare\(CLONE_NEWPID\)/.test(see.output),
      fact: { en: 'one system call: unshare(CLONE_NEWPID)', zh: '只是一个系统调用：unshare(CLONE_NEWPID)' },
      nearly: { en: 'The step is called namespaces.pid.', zh: '这一步名为 namespaces.pid。' },
    },
  ],
  question: {
    ask: {
      en: 'ps on the host lists the container’s sleep. Would ps in the container list the first sleep?',
      zh: '在宿主机上 ps 能看到容器里的 sleep。那么在容器里 ps 能看到第一个 sleep 吗？',
    },
    answer: {
      en: 'No. A PID namespace sees itself and those made in it, never what is outside. From the outside everything is visible: the host’s namespace is the parent of all.',
      zh: '不能。PID 命名空间只能看到自己以及在它之内创建的命名空间，看不到外面。而从外面什么都看得见：宿主机的命名空间是所有其他命名空间的祖先。',
    },
  },
}
