import type { Level } from '../level.ts'

export const level: Level = {
  id: '05',
  name: 'uts-ipc',
  title: { en: 'A host name and shared memory of one’s own', zh: '自己的主机名，自己的共享内存' },
  concept: {
    en: 'Two small namespaces. UTS holds the host name. IPC holds System V shared memory, semaphores and message queues, and POSIX message queues. The containers of a pod share both: that is part of what makes them one pod.',
    zh: '两类小命名空间。UTS 保存主机名；IPC 保存 System V 共享内存、信号量、消息队列以及 POSIX 消息队列。同一个 Pod 里的容器共用这两者：这也是它们成为一个 Pod 的原因之一。',
  },
  watch: "watch -n 1 'lsns -t uts -t ipc'",
  image: 'stored',
  steps: [
    {
      say: { en: 'Try to change the host name of the machine.', zh: '试着改一下这台机器的主机名。' },
      run: 'hostname box',
      fails: {
        en: 'sethostname(2) takes CAP_SYS_ADMIN over the user namespace that owns the UTS namespace.',
        zh: 'sethostname(2) 要求在拥有该 UTS 命名空间的用户命名空间里具备 CAP_SYS_ADMIN。',
      },
      check: (see) => see.exitCode !== 0 && see.read('/proc/sys/kernel/hostname') !== 'box\n',
      fact: { en: 'refused: the name is the machine’s', zh: '被拒绝：名字属于整台机器' },
      nearly: { en: 'An ordinary user should be refused.', zh: '普通用户应当被拒绝。' },
    },
    {
      say: {
        en: 'In a UTS namespace of one’s own it is allowed, and nobody else sees it.',
        zh: '在自己的 UTS 命名空间里就可以，而且别人看不见。',
      },
      run: 'unshare --map-root-user --uts --ipc sh -c \'hostname box; exec sleep 1000\' & pid=$!\nin_it() { nsenter --target $pid --user --uts --ipc --preserve-credentials -- "$@"; }\nwhile [ "$(cat /proc/$pid/comm)" != sleep ]; do :; done\nin_it hostname; hostname',
      check: async (see) => {
        const pid = await see.pid('pid')
        return see.output.split('\n')[0] === 'box' && see.namespace(pid, 'uts') !== see.namespace('self', 'uts')
      },
      fact: {
        en: 'box inside, the old name outside: two UTS namespaces',
        zh: '里面叫 box，外面还是老名字：两个 UTS 命名空间',
      },
      nearly: { en: 'in_it hostname should say box.', zh: 'in_it hostname 应当输出 box。' },
    },
    {
      say: {
        en: 'It has an IPC namespace too. Make a piece of shared memory in it, and look for it from both sides.',
        zh: '它还有自己的 IPC 命名空间。在里面建一块共享内存，再从两边各看一眼。',
      },
      run: 'in_it ipcmk --shmem 4096\nin_it cat /proc/sysvipc/shm | wc -l\ncat /proc/sysvipc/shm | wc -l',
      check: (see) => {
        const [inside = 0, outside = 0] = see.output.split('\n').slice(-2).map(Number)
        return inside === 2 && outside === see.read('/proc/sysvipc/shm').trim().split('\n').length
      },
      fact: {
        en: '/proc/sysvipc/shm has a heading and one line inside; outside it is another list',
        zh: '在里面，/proc/sysvipc/shm 有一行表头加一行记录；外面是另一张列表',
      },
      nearly: {
        en: 'ipcmk has to run inside: in_it ipcmk --shmem 4096',
        zh: 'ipcmk 必须在里面执行：in_it ipcmk --shmem 4096',
      },
    },
    {
      say: {
        en: 'Two containers in a pod. Which namespaces do they share?',
        zh: '一个 Pod 里的两个容器，共用哪些命名空间？',
      },
      run: 'glasspod pod create --name level5 --hostname together\nfor name in a b; do glasspod run -d --pod level5 --name $name $IMAGE sleep 1000; done >/dev/null\npid_of() { glasspod inspect $1 | jq ".[0].State.Pid"; }\na=$(pid_of a) b=$(pid_of b)\nglasspod exec a hostname; glasspod exec b hostname\nfor ns in uts ipc mnt pid; do readlink /proc/$a/ns/$ns /proc/$b/ns/$ns; done',
      check: async (see) => {
        const [a, b] = [await see.pid('a'), await see.pid('b')]
        const same = (kind: string) =>
          see.namespace(a, kind) !== '' && see.namespace(a, kind) === see.namespace(b, kind)
        return same('uts') && same('ipc') && !same('mnt') && !same('pid')
      },
      fact: {
        en: 'uts and ipc are the same for both; mnt and pid each has for itself',
        zh: '两者的 uts 和 ipc 相同；mnt 和 pid 各用各的',
      },
      nearly: { en: 'a and b should be the pids of the two containers.', zh: 'a 和 b 应当是两个容器的 pid。' },
    },
    {
      say: {
        en: 'Who holds what they share? The pause process, which does nothing else.',
        zh: '共用的东西由谁握着？是 pause 进程，它别的什么也不做。',
      },
      run: 'glasspod graph level5 | cut -c 1-76',
      check: (see) => /pause/.test(see.output),
      fact: {
        en: 'pause is in the namespaces that a and b share, and outlives both',
        zh: 'pause 就在 a 和 b 共用的命名空间里，并且比它们活得更久',
      },
      nearly: { en: 'graph level5 should show three rows.', zh: 'graph level5 应当显示三行。' },
    },
    {
      say: { en: 'How the pause process gets its name:', zh: 'pause 进程如何得到主机名：' },
      run: 'glasspod explain pod create --hostname together | grep -A 4 "uts.hostname"',
      check: (see) => /sethostname\("together", 8\)/.test(see.output),
      fact: {
        en: 'sethostname(2), once, in the namespace that the pod shares',
        zh: 'sethostname(2)，只调用一次，就在 Pod 共用的命名空间里',
      },
      nearly: { en: 'The step is called uts.hostname.', zh: '这一步名为 uts.hostname。' },
    },
  ],
  question: {
    ask: {
      en: 'POSIX shared memory (shm_open) is files in /dev/shm. Is it shared in the pod because of the IPC namespace?',
      zh: 'POSIX 共享内存（shm_open）其实是 /dev/shm 下的文件。Pod 内能共用它，是因为 IPC 命名空间吗？',
    },
    answer: {
      en: 'No: files belong to mounts. The pod has one tmpfs, and it is mounted at /dev/shm of each container. Without it two containers could share System V memory and not POSIX memory.',
      zh: '不是：文件归挂载管。Pod 有一个 tmpfs，被挂到每个容器的 /dev/shm。没有它，两个容器能共用 System V 共享内存，却共用不了 POSIX 共享内存。',
    },
  },
}
