import { readdirSync } from 'node:fs'
import type { Level, Witness } from '../level.ts'

/** Children of a process that have ended and were not waited for. */
const zombiesOf = (see: Witness, parent: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => see.status(pid, 'PPid') === `${parent}` && see.status(pid, 'State').startsWith('Z'))

const lastNumber = (see: Witness, pid: number): string => see.status(pid, 'NSpid').split(/\s+/).at(-1) ?? ''

export const level: Level = {
  id: '04',
  name: 'pid',
  title: { en: 'PID namespaces, zombies, and process 1', zh: 'PID 命名空间、僵尸进程与 1 号进程' },
  concept: {
    en: 'In a PID namespace counting begins again: its first process is number 1. That number is an office: orphans become its children, signals without a handler do not reach it, and when it ends the kernel ends all the others.',
    zh: '在 PID 命名空间里，编号从头开始：第一个进程是 1 号。这个号码是一份差事：孤儿进程都归它收养，没有处理函数的信号伤不到它，而它一旦结束，内核会结束其余所有进程。',
  },
  watch: "watch -n 1 'ps -e -o pid,pidns,stat,comm --sort pidns | tail'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'unshare(2) of a PID namespace counts for the next child, so unshare has to fork. --mount-proc gives it a /proc that fits.',
        zh: '对 PID 命名空间来说，unshare(2) 从下一个子进程起才生效，所以 unshare 必须 fork。--mount-proc 再配一个相符的 /proc。',
      },
      run: 'unshare --map-root-user --pid --fork --mount-proc busybox ps',
      check: (see) => /^\s*1\s/m.test(see.output) && see.output.split('\n').length <= 3,
      fact: { en: 'ps is process 1, and sees nobody else', zh: 'ps 自己就是 1 号进程，看不到别人' },
      nearly: {
        en: 'ps should list itself alone: are --fork and --mount-proc there?',
        zh: 'ps 应当只列出自己：--fork 和 --mount-proc 都写了吗？',
      },
    },
    {
      say: { en: 'One process, two numbers. From outside:', zh: '一个进程，两个号码。从外面看：' },
      run: 'unshare --map-root-user --pid --fork --mount-proc sh -c \'(sleep 0.1 &); exec sleep 1000\' & outer=$!\nuntil one=$(cat /proc/$outer/task/$outer/children 2>/dev/null) && [ -n "$one" ]; do :; done\none=${one% }\ngrep NSpid /proc/$one/status',
      check: async (see) => lastNumber(see, await see.pid('one')) === '1',
      fact: {
        en: 'NSpid has its number here, and 1, its number inside',
        zh: 'NSpid 里有它在外面的号码，以及它在里面的号码 1',
      },
      nearly: {
        en: 'one should be the child of unshare: /proc/$outer/task/$outer/children',
        zh: 'one 应当是 unshare 的子进程：/proc/$outer/task/$outer/children',
      },
    },
    {
      say: {
        en: 'It left an orphan behind, which slept for a moment and ended. Its new parent is process 1, and this one, a sleep, never waits for children.',
        zh: '它留下了一个孤儿进程，睡了一会儿就结束了。孤儿的新父进程是 1 号，而这个 1 号只是个 sleep，从不等待（wait）子进程。',
      },
      run: 'until grep -q "^State:.Z" /proc/[0-9]*/status 2>/dev/null; do sleep 0.1; done\nfor child in $(cat /proc/$one/task/$one/children); do grep -E "^(Name|State|PPid)" /proc/$child/status; done',
      check: async (see) => zombiesOf(see, await see.pid('one')).length === 1,
      fact: {
        en: 'a zombie: it has ended, and its exit code waits for somebody who asks',
        zh: '一个僵尸进程：已经结束，退出码还在等人来取',
      },
      nearly: {
        en: 'The orphan becomes a zombie a tenth of a second after the start.',
        zh: '启动约十分之一秒后，孤儿会变成僵尸。',
      },
    },
    {
      say: { en: 'Ask process 1 to end, as one asks any program.', zh: '像对待普通程序那样，请 1 号进程结束。' },
      run: 'kill -TERM $one\ngrep -E "^(State|SigQ|ShdPnd)" /proc/$one/status',
      check: async (see) => see.status(await see.pid('one'), 'State').startsWith('S'),
      fact: {
        en: 'it sleeps on: a signal without a handler is dropped for process 1, even when it comes from outside',
        zh: '它照睡不误：对 1 号进程来说，没有处理函数的信号会被丢弃，哪怕来自外面',
      },
      nearly: { en: 'one should be process 1 of its namespace.', zh: 'one 应当是它所在命名空间的 1 号进程。' },
    },
    {
      say: {
        en: 'SIGKILL from outside is the exception. With process 1 the namespace ends.',
        zh: '来自外面的 SIGKILL 是例外。1 号一死，整个命名空间也就结束了。',
      },
      run: 'kill -KILL $one\nwait $outer\necho "unshare ended with $?"',
      check: async (see) => {
        const one = await see.pid('one')
        return one > 0 && see.status(one, 'Name') === '' && zombiesOf(see, one).length === 0
      },
      fact: { en: 'process 1 is gone, and its zombie with it', zh: '1 号进程没了，它的僵尸也随之消失' },
      nearly: { en: 'kill -KILL should end it.', zh: 'kill -KILL 应当能结束它。' },
    },
    {
      say: { en: 'No such file: the way in is closed as well.', zh: '没有那个文件：入口也一并关闭了。' },
      run: 'nsenter --target $one --user --pid --preserve-credentials true',
      fails: {
        en: 'The number leads nowhere. Who still held the namespace by an open file would get no further: without its process 1 it takes no new process, and fork(2) says ENOMEM.',
        zh: '这个号码已经不通向任何地方。就算有人还用打开的文件占着这个命名空间，也是枉然：没有了 1 号进程，它不再接纳新进程，fork(2) 会返回 ENOMEM。',
      },
      check: (see) => see.exitCode !== 0,
      fact: { en: 'there is nothing to enter', zh: '已经没有可以进入的地方' },
      nearly: { en: 'The namespace should be gone.', zh: '命名空间应当已经消失。' },
    },
    {
      say: {
        en: 'In a container the command is process 1. How it ended is recorded by the monitor, which stays outside.',
        zh: '在容器里，命令本身就是 1 号进程。它如何结束，由留在外面的监视进程记录。',
      },
      run: 'glasspod run -d --name level4 --network none $IMAGE sh -c "sleep 999 & wait"\nbox=$(glasspod inspect level4 | jq ".[0].State.Pid")\ngrep NSpid /proc/$box/status\nglasspod exec level4 ps',
      check: async (see) => lastNumber(see, await see.pid('box')) === '1' && /sleep 999/.test(see.output),
      fact: {
        en: 'sh is process 1, and its sleep has a small number too',
        zh: 'sh 是 1 号进程，它的 sleep 也有个小号码',
      },
      nearly: { en: 'box should be the pid of the container’s first process.', zh: 'box 应当是容器第一个进程的 pid。' },
    },
    {
      say: { en: 'And the steps that make it so:', zh: '做到这一点的步骤：' },
      run: 'glasspod explain run --network none $IMAGE true | grep -A 4 -E "monitor.clone|namespaces.pid"',
      check: (see) => /CLONE_NEWPID/.test(see.output) && /clone\(/.test(see.output),
      fact: {
        en: 'unshare for the next child, then clone: the parent stays outside as the monitor',
        zh: '先为下一个子进程 unshare，再 clone：父进程留在外面当监视者',
      },
      nearly: {
        en: 'The steps are called namespaces.pid and monitor.clone.',
        zh: '步骤名为 namespaces.pid 和 monitor.clone。',
      },
    },
  ],
  question: {
    ask: {
      en: 'A container that is stopped takes ten seconds, each time. What is probably its process 1?',
      zh: '某个容器每次停止都要等十秒。它的 1 号进程很可能是什么？',
    },
    answer: {
      en: 'A program without a handler for SIGTERM, often a shell: the kernel drops the signal, the runtime waits its ten seconds and then sends SIGKILL. exec in the start script, a handler, or an init helps.',
      zh: '一个没有 SIGTERM 处理函数的程序，多半是 shell：内核把信号丢了，运行时等满十秒，再发 SIGKILL。在启动脚本里用 exec、加上处理函数，或者用一个 init，都能解决。',
    },
  },
}
