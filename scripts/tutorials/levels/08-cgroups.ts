import { existsSync, statSync } from 'node:fs'
import { parseFlat, parseWords } from '../../../runtime/kernel/cgroups/files.ts'
import type { Level, Need, Witness } from '../level.ts'

/** A file of a cgroup below the level's own. */
const readFile = async (see: Witness, path: string): Promise<string> => see.read(`${await see.value('CGROUP')}/${path}`)
const readKey = async (see: Witness, path: string, key: string): Promise<number> =>
  parseFlat(await readFile(see, path))[key] ?? 0

/** Last part of the cgroup that a process is in (/proc/PID/cgroup, the line of version 2). */
const cgroupOf = (see: Witness, pid: number): string =>
  /^0::.*\/([^/\n]+)$/m.exec(see.read(`/proc/${pid}/cgroup`))?.[1] ?? ''

const controller = (name: string): Need => ({
  name: {
    en: `the ${name} controller in cgroup v2 (glasspod doctor cgroups.${name} says why it is not there)`,
    zh: `cgroup v2 里的 ${name} 控制器（原因见 glasspod doctor cgroups.${name}）`,
  },
  isThere: async (see) => parseWords(await readFile(see, 'cgroup.controllers')).includes(name),
})

const pressure: Need = {
  name: { en: 'pressure stall information (boot with psi=1)', zh: '压力阻塞信息（以 psi=1 启动内核）' },
  isThere: () => existsSync('/proc/pressure/cpu'),
}

export const level: Level = {
  id: '08',
  name: 'cgroups',
  title: { en: 'Cgroups: who gets how much', zh: 'cgroup：谁能用多少' },
  concept: {
    en: 'Namespaces say what a process sees, cgroups what it may use. A cgroup is a directory of the cgroup2 filesystem: mkdir makes one, a write to cgroup.procs moves a process into it, children are born where their parent is. Controllers, for memory, cpu, pids, put files with limits into it. One directory of the tree was delegated to you: $CGROUP.',
    zh: '命名空间决定进程看得见什么，cgroup 决定它能用多少。一个 cgroup 就是 cgroup2 文件系统里的一个目录：mkdir 创建，往 cgroup.procs 里写就把进程移进去，子进程则生在父进程所在之处。memory、cpu、pids 等控制器在目录里放上各种限额文件。这棵树里有一个目录委派（delegate）给了你：$CGROUP。',
  },
  watch: "watch -n 1 'cat /proc/pressure/cpu 2>/dev/null; grep ^0:: /proc/$(pgrep -o -P $shell -x sleep)/cgroup'",
  cgroup: 'needed',
  image: 'stored',
  steps: [
    {
      say: { en: 'Whose directory is it, and where is this shell?', zh: '这个目录归谁？当前 shell 又在哪里？' },
      run: 'grep ^0:: /proc/$$/cgroup\nls -ld $CGROUP; cat $CGROUP/cgroup.controllers',
      check: async (see) =>
        statSync(`${await see.value('CGROUP')}/cgroup.procs`, { throwIfNoEntry: false })?.uid === process.getuid?.(),
      fact: {
        en: 'the directory and its cgroup.procs are yours: that is delegation. The last line, if there is one, names the controllers that come with it',
        zh: '目录和其中的 cgroup.procs 都归你所有，这就是委派。最后一行（如果有）是随之而来的控制器',
      },
      nearly: { en: '$CGROUP/cgroup.procs should be yours.', zh: '$CGROUP/cgroup.procs 应当归你所有。' },
    },
    {
      say: {
        en: 'Make one, and let a process move itself in: 0 means whoever writes.',
        zh: '建一个，让进程自己搬进去：写 0 表示“写的那个进程”。',
      },
      run: 'mkdir $CGROUP/box\nenter() { echo 0 >$CGROUP/$1/cgroup.procs; shift; exec "$@"; }\n(enter box sleep 1000) & pid=$!\nuntil [ "$(cat /proc/$pid/comm)" = sleep ]; do :; done\ncat $CGROUP/box/cgroup.procs; grep ^0:: /proc/$pid/cgroup',
      check: async (see) => cgroupOf(see, await see.pid('pid')) === 'box',
      fact: { en: '/proc/$pid/cgroup says box', zh: '/proc/$pid/cgroup 显示它在 box 里' },
      nearly: {
        en: 'pid should be the sleep that moved itself into box.',
        zh: 'pid 应当是把自己移进 box 的那个 sleep。',
      },
    },
    {
      say: { en: 'Out of it again, to the root of the tree?', zh: '再把它移出来，移到树根去？' },
      run: "root=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)\nsh -c 'echo $1 >$2/cgroup.procs' sh $pid $root",
      fails: {
        en: 'A move needs a write to cgroup.procs of the new cgroup, and of the nearest one above both. So a process cannot leave what was delegated, and whoever starts containers has to be inside already.',
        zh: '移动一个进程，既要能写目标的 cgroup.procs，也要能写两者最近的公共祖先的 cgroup.procs。所以进程逃不出委派给你的范围；要启动容器的程序，自己也得先在里面。',
      },
      check: async (see) => see.exitCode !== 0 && cgroupOf(see, await see.pid('pid')) === 'box',
      fact: { en: 'refused, and it is still in box', zh: '被拒绝，进程仍在 box 里' },
      nearly: {
        en: 'The root’s cgroup.procs should not be writable for you.',
        zh: '树根的 cgroup.procs 对你应当是不可写的。',
      },
    },
    {
      say: { en: 'Remove it while somebody is in it?', zh: '里面还有进程，能删掉吗？' },
      run: 'rmdir $CGROUP/box',
      fails: {
        en: 'EBUSY. A cgroup goes by rmdir, when it has neither processes nor children; its files are the kernel’s and cannot be deleted.',
        zh: 'EBUSY。只有既无进程又无子目录时，cgroup 才能用 rmdir 删除；里面的文件是内核的，删不了。',
      },
      check: async (see) => see.exitCode !== 0 && (await readFile(see, 'box/cgroup.events')).includes('populated 1'),
      fact: { en: 'cgroup.events says: populated 1', zh: 'cgroup.events 显示 populated 1' },
      nearly: { en: 'The sleep should still be in box.', zh: 'sleep 应当还在 box 里。' },
    },
    {
      say: {
        en: 'Load it: one busy process more than there are processors. The kernel keeps the accounts, without any controller.',
        zh: '给它加点负载：忙循环的进程比处理器多一个。记账由内核完成，不需要任何控制器。',
      },
      run: 'mkdir $CGROUP/busy\nfor n in 0 $(seq $(nproc)); do (enter busy busybox sh -c "while :; do :; done") & done\nuntil [ "$(sed -n "s/^usage_usec //p" $CGROUP/busy/cpu.stat)" -gt 200000 ]; do sleep 0.1; done\nhead -3 $CGROUP/busy/cpu.stat',
      check: async (see) => (await readKey(see, 'busy/cpu.stat', 'usage_usec')) > 200_000,
      fact: {
        en: 'usage_usec: processor time in microseconds, of all that are or were in it and below it',
        zh: 'usage_usec：处理器时间，以微秒计，包括它和下级里现在与曾经的所有进程',
      },
      nearly: { en: 'The busy processes should be in $CGROUP/busy.', zh: '忙循环进程应当在 $CGROUP/busy 里。' },
    },
    {
      say: {
        en: 'They have to wait for each other. How long, the pressure files say (PSI): some means that at least one waited.',
        zh: '它们得互相等待。等了多久，看压力文件（PSI）：some 表示至少有一个在等。',
      },
      needs: pressure,
      run: 'cat $CGROUP/busy/cpu.pressure',
      check: async (see) => /^some .* total=[1-9]/m.test(await readFile(see, 'busy/cpu.pressure')),
      fact: {
        en: 'total is above 0: microseconds lost to waiting. High pressure, not high usage, is what hurts',
        zh: 'total 大于 0：因等待而损失的微秒数。真正难受的是压力高，而不是用量高',
      },
      nearly: { en: 'There should be more busy processes than processors.', zh: '忙循环进程应当多于处理器。' },
    },
    {
      say: { en: 'Hold all of them where they are, in one write.', zh: '一次写入，让它们全部原地停住。' },
      run: 'echo 1 >$CGROUP/busy/cgroup.freeze\nuntil grep -q "frozen 1" $CGROUP/busy/cgroup.events; do :; done\nfirst=$(grep usage_usec $CGROUP/busy/cpu.stat); sleep 0.5; second=$(grep usage_usec $CGROUP/busy/cpu.stat)\necho "$first = $second"',
      check: async (see) =>
        (await readFile(see, 'busy/cgroup.events')).includes('frozen 1') &&
        (await see.value('first')) !== '' &&
        (await see.value('first')) === (await see.value('second')),
      fact: {
        en: 'frozen 1, and in half a second not a microsecond was used: this is glasspod pause',
        zh: 'frozen 1，半秒之内一微秒也没用：glasspod pause 就是这样做的',
      },
      nearly: { en: 'cgroup.freeze should be 1.', zh: 'cgroup.freeze 应当为 1。' },
    },
    {
      say: {
        en: 'And end all of them, frozen or not. No list of pids, so no race with one that just forks.',
        zh: '再把它们全部结束，冻结着也一样。不用列 PID，也就不怕有进程正在 fork 而漏网。',
      },
      run: 'echo 1 >$CGROUP/busy/cgroup.kill\nuntil grep -q "populated 0" $CGROUP/busy/cgroup.events; do sleep 0.1; done\nrmdir $CGROUP/busy && ls -d $CGROUP/*/',
      check: async (see) => {
        const cgroup = await see.value('CGROUP')
        return cgroup !== '' && !existsSync(`${cgroup}/busy`)
      },
      fact: { en: 'nobody is left, and the directory is gone', zh: '一个不剩，目录也没了' },
      nearly: {
        en: 'cgroup.kill should be written in $CGROUP/busy.',
        zh: '应当写的是 $CGROUP/busy 里的 cgroup.kill。',
      },
    },
    {
      say: {
        en: 'Now the controllers. A directory has only those files that the one above hands down, by its cgroup.subtree_control.',
        zh: '下面轮到控制器。上级通过 cgroup.subtree_control 往下传什么，目录里才有什么文件。',
      },
      needs: controller('memory'),
      run: 'ls $CGROUP/box | grep -c "^memory.max"\nfor name in $(cat $CGROUP/cgroup.controllers); do echo +$name >$CGROUP/cgroup.subtree_control; done\nls $CGROUP/box | grep -E "[.]max$"',
      check: async (see) => (await readFile(see, 'box/memory.max')) === 'max\n',
      fact: { en: 'memory.max is there now, and says: max, no limit', zh: '出现了 memory.max，值是 max，即不设限' },
      nearly: {
        en: 'cgroup.subtree_control of $CGROUP should name memory.',
        zh: '$CGROUP 的 cgroup.subtree_control 里应当有 memory。',
      },
    },
    {
      say: { en: 'Let box, in which a process is, hand them down as well.', zh: '让 box 也往下传，而它里面还有进程。' },
      needs: controller('memory'),
      run: "sh -c 'echo +memory >$CGROUP/box/cgroup.subtree_control'",
      fails: {
        en: 'EBUSY: no internal processes. Who hands down a controller may have no processes itself, so processes sit in leaves. That is why glasspod’s agent is in a directory beside its pods, and not above them.',
        zh: 'EBUSY：这就是“内部节点不得有进程”。往下传控制器的目录自己不能有进程，所以进程只待在叶子里。glasspod 的 agent 因此待在各个 Pod 旁边的目录里，而不在它们上面。',
      },
      check: async (see) => see.exitCode !== 0 && !/memory/.test(await readFile(see, 'box/cgroup.subtree_control')),
      fact: { en: 'box hands down nothing', zh: 'box 什么也没传下去' },
      nearly: { en: 'The sleep should still be in box.', zh: 'sleep 应当还在 box 里。' },
    },
    {
      say: { en: '20 MB, and a process that wants 100.', zh: '限额 20 MB，进程却想要 100 MB。' },
      needs: controller('memory'),
      run: 'mkdir $CGROUP/small; echo 20M >$CGROUP/small/memory.max\n[ ! -e $CGROUP/small/memory.swap.max ] || echo 0 >$CGROUP/small/memory.swap.max\n(enter small busybox dd if=/dev/zero of=/dev/null bs=100M count=1); code=$?\ncat $CGROUP/small/memory.events; (exit $code)',
      fails: {
        en: 'Exit code 137 is 128 + 9: the OOM killer of this cgroup sent SIGKILL. The machine had memory enough; the cgroup had not.',
        zh: '退出码 137 即 128 + 9：这个 cgroup 自己的 OOM killer 发来了 SIGKILL。机器的内存绰绰有余，是这个 cgroup 不够了。',
      },
      check: async (see) => see.exitCode === 137 && (await readKey(see, 'small/memory.events', 'oom_kill')) > 0,
      fact: { en: 'memory.events counts one oom_kill', zh: 'memory.events 记下了一次 oom_kill' },
      nearly: { en: 'memory.max should be 20M, and swap 0.', zh: 'memory.max 应当是 20M，交换应当是 0。' },
    },
    {
      say: { en: 'Three processes, and no more: what a fork bomb meets.', zh: '最多三个进程：fork 炸弹的下场。' },
      needs: controller('pids'),
      run: 'mkdir $CGROUP/few; echo 3 >$CGROUP/few/pids.max\n(enter few sh -c "for n in 1 2 3 4; do sleep 1000 & done"); code=$?\ncat $CGROUP/few/pids.current $CGROUP/few/pids.events; echo 1 >$CGROUP/few/cgroup.kill; (exit $code)',
      fails: {
        en: 'fork(2) answers EAGAIN. It is the program’s turn to cope; nobody outside the cgroup notices anything.',
        zh: 'fork(2) 返回 EAGAIN。怎么应付是程序自己的事；cgroup 外面谁也不受影响。',
      },
      check: async (see) => see.exitCode !== 0 && (await readKey(see, 'few/pids.events', 'max')) > 0,
      fact: { en: 'pids.events counts the forks that were refused', zh: 'pids.events 记下了被拒绝的 fork 次数' },
      nearly: { en: 'pids.max should be 3.', zh: 'pids.max 应当为 3。' },
    },
    {
      say: {
        en: 'A fifth of one processor: 20 ms in each 100 ms. A loop of two seconds:',
        zh: '五分之一个处理器：每 100 毫秒里用 20 毫秒。跑一个两秒的循环：',
      },
      needs: controller('cpu'),
      run: 'mkdir $CGROUP/slow; echo "20000 100000" >$CGROUP/slow/cpu.max\n(enter slow busybox timeout 2 busybox sh -c "while :; do :; done")\ngrep -E "^(usage_usec|nr_|throttled)" $CGROUP/slow/cpu.stat',
      check: async (see) => (await readKey(see, 'slow/cpu.stat', 'nr_throttled')) > 0,
      fact: {
        en: 'nr_throttled: so often its quota was used up, and it stood still until the next period',
        zh: 'nr_throttled：配额用完、只好停到下个周期的次数',
      },
      nearly: { en: 'cpu.max takes two numbers: quota and period.', zh: 'cpu.max 要写两个数：配额和周期。' },
    },
    {
      say: {
        en: 'The same by glasspod: a cgroup for the pod, a leaf for the container, and pause is the freezer.',
        zh: '用 glasspod 做同样的事：Pod 一个 cgroup，容器一个叶子；pause 就是冻结。',
      },
      run: 'glasspod run -d --name level8 --network none --explain $IMAGE sleep 1000 2>&1 | grep -A 2 "^✔.* cgroup"\nbox=$(glasspod inspect level8 | jq ".[0].State.Pid")\nhome=$root$(sed -n "s/^0:://p" /proc/$box/cgroup)\nglasspod pause level8; cat $home/cgroup.events',
      check: async (see) => see.read(`${await see.value('home')}/cgroup.events`).includes('frozen 1'),
      fact: { en: 'its own cgroup.events says: frozen 1', zh: '它的 cgroup.events 显示 frozen 1' },
      nearly: { en: 'home should be the cgroup directory of the container.', zh: 'home 应当是容器的 cgroup 目录。' },
    },
    {
      say: { en: 'And with limits, as flags:', zh: '限额则写成选项：' },
      needs: controller('memory'),
      run: 'glasspod unpause level8\nglasspod run -d --name limited --network none --memory 64m $IMAGE sleep 1000 >/dev/null\nlimited=$root$(sed -n "s/^0:://p" /proc/$(glasspod inspect limited | jq ".[0].State.Pid")/cgroup)\ncat $limited/memory.max; glasspod cgroup | cut -c 1-76',
      check: async (see) => see.read(`${await see.value('limited')}/memory.max`) === '67108864\n',
      fact: { en: 'memory.max of its leaf is 64 times 1,048,576', zh: '叶子里的 memory.max 正是 64 乘以 1,048,576' },
      nearly: {
        en: 'limited should be the cgroup directory of the second container.',
        zh: 'limited 应当是第二个容器的 cgroup 目录。',
      },
    },
    {
      say: {
        en: 'Take back what was made by hand: end all below, then rmdir from the leaves up.',
        zh: '收拾手工建的东西：先结束下面的所有进程，再从叶子往上 rmdir。',
      },
      run: 'echo 1 >$CGROUP/cgroup.kill\nuntil grep -q "populated 0" $CGROUP/cgroup.events; do sleep 0.1; done\nfind $CGROUP -mindepth 1 -depth -type d -exec rmdir {} +\ncat $CGROUP/cgroup.stat',
      check: async (see) => parseFlat(await readFile(see, 'cgroup.stat'))['nr_descendants'] === 0,
      fact: { en: 'nr_descendants 0', zh: 'nr_descendants 为 0' },
      nearly: { en: 'All directories below $CGROUP should be gone.', zh: '$CGROUP 下面的目录应当一个不剩。' },
    },
  ],
  question: {
    ask: {
      en: 'A container with --memory 1g reads a file of 4 GB, and memory.current climbs to 1 GB. Will it be killed?',
      zh: '一个带 --memory 1g 的容器读了一个 4 GB 的文件，memory.current 一路涨到 1 GB。它会被杀掉吗？',
    },
    answer: {
      en: 'No. The page cache of what it reads counts as its memory, and is given back when the limit is reached; only what cannot be given back, such as heap without swap, leads to the OOM killer. Whether it suffers is told by memory.pressure, not by memory.current.',
      zh: '不会。它读文件用掉的页缓存也算在它的内存里，但到了上限就会被回收；只有收不回来的，比如没有交换可用的堆内存，才会惊动 OOM killer。它难不难受，要看 memory.pressure，而不是 memory.current。',
    },
  },
}
