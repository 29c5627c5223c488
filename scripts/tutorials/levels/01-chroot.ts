import type { Level } from '../level.ts'

export const level: Level = {
  id: '01',
  name: 'chroot',
  title: { en: 'chroot, and how to get out of it', zh: 'chroot，以及如何从中逃脱' },
  concept: {
    en: 'chroot(2) changes one thing: where a process begins to look up names that start with a slash. It is the oldest part of what people call a container, and no wall at all. This level builds a jail and leaves it.',
    zh: 'chroot(2) 只改变一件事：进程从哪里开始解析以斜杠开头的路径。它是人们所说的“容器”里最古老的部分，却根本不是一堵墙。这一关先造一个牢笼，再走出来。',
  },
  watch: "watch -n 1 'readlink /proc/$(pgrep -n -P $shell -x sleep)/root'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'A root file system: one static program, and its names.',
        zh: '准备一个根文件系统：一个静态程序和它的若干名字。',
      },
      run: 'mkdir -p jail/bin jail/proc\ncp /bin/busybox jail/bin/\nfor name in sh ls cat sleep; do ln -s busybox jail/bin/$name; done\nls jail/bin',
      check: (see) => see.read('jail/bin/busybox') !== '',
      fact: {
        en: 'jail/bin has a busybox that needs no library of the host',
        zh: 'jail/bin 里有一个不依赖宿主机库文件的 busybox',
      },
      nearly: { en: 'jail/bin/busybox should be there.', zh: 'jail/bin/busybox 应当存在。' },
    },
    {
      say: { en: 'As an ordinary user, try to enter it.', zh: '以普通用户的身份试着进去。' },
      run: 'chroot jail /bin/ls /',
      fails: {
        en: 'chroot takes CAP_SYS_CHROOT: who chooses what /etc/passwd is could fool every setuid program.',
        zh: 'chroot 需要 CAP_SYS_CHROOT：谁能决定 /etc/passwd 是哪个文件，谁就能欺骗所有 setuid 程序。',
      },
      check: async (see) => see.exitCode !== 0 && /^0+$/.test(see.status(await see.pid('$'), 'CapEff')),
      fact: { en: 'EPERM: this shell has no capability', zh: 'EPERM：这个 shell 没有任何能力' },
      nearly: { en: 'An ordinary user should be refused.', zh: '普通用户应当被拒绝。' },
    },
    {
      say: {
        en: 'In a user namespace of one’s own one has all capabilities, over that namespace. Level 06 is about it; here it gives us chroot.',
        zh: '在自己的用户命名空间里，人人都拥有针对该命名空间的全部能力。第 06 关会详细讲；这里只借它来用 chroot。',
      },
      run: 'unshare --map-root-user chroot jail /bin/ls /',
      check: (see) => see.exitCode === 0 && /\bbin\b/.test(see.output) && !/\betc\b/.test(see.output),
      fact: { en: '/ has bin and proc now, and no etc', zh: '现在 / 下只有 bin 和 proc，没有 etc' },
      nearly: {
        en: 'ls should show what is in jail, and nothing of the host.',
        zh: 'ls 应当只显示 jail 的内容，而不是宿主机的。',
      },
    },
    {
      say: { en: 'Leave a process in it, and look at it from outside.', zh: '留一个进程在里面，从外面看看它。' },
      run: 'unshare --map-root-user chroot jail /bin/sleep 1000 & pid=$!\nwhile [ "$(readlink /proc/$pid/root)" = / ]; do :; done\nreadlink /proc/$pid/root /proc/$pid/ns/mnt /proc/$$/ns/mnt',
      check: async (see) => {
        const pid = await see.pid('pid')
        return (
          see.namespace(pid, 'mnt') === see.namespace('self', 'mnt') && see.output.startsWith(`${see.directory}/jail`)
        )
      },
      fact: {
        en: '/proc/$pid/root is the jail, but its mount namespace is ours: the whole tree of the host is still mounted for it',
        zh: '/proc/$pid/root 指向 jail，但它的挂载命名空间仍是我们的：宿主机的整棵目录树对它来说依然挂着',
      },
      nearly: { en: 'pid should be a process whose root is jail.', zh: 'pid 应当是根目录为 jail 的进程。' },
    },
    {
      say: {
        en: 'The way out: a descriptor of the old root that was left open. This is what CVE-2024-21626 was about. In the jail, /proc/self/fd/9 is a door.',
        zh: '出路：一个遗留未关、指向旧根目录的文件描述符。CVE-2024-21626 正是如此。在牢笼里，/proc/self/fd/9 就是一扇门。',
      },
      run: 'unshare --map-root-user --mount sh -c \'\n  mount --rbind /proc jail/proc\n  exec 9</\n  exec chroot jail /bin/sh -c "cd /proc/self/fd/9 && ls -d etc/passwd"\'',
      check: (see) => see.exitCode === 0 && see.output.includes('etc/passwd'),
      fact: {
        en: 'etc/passwd of the host, read from inside the jail: a chroot is no container',
        zh: '在牢笼里读到了宿主机的 etc/passwd：chroot 不是容器',
      },
      nearly: {
        en: 'The descriptor 9 has to be opened before chroot: exec 9</',
        zh: '描述符 9 必须在 chroot 之前打开：exec 9</',
      },
    },
    {
      say: {
        en: 'The same attempt in a container. glasspod closes every descriptor before the program starts, and takes the old root away with pivot_root(2), which is level 02.',
        zh: '在容器里做同样的尝试。glasspod 在程序启动前关闭所有描述符，并用 pivot_root(2)（第 02 关）拿走旧的根。',
      },
      run: 'exec 9</\nglasspod run --rm --network none $IMAGE sh -c "cd /proc/self/fd/9"\ncode=$?\nexec 9<&-\n(exit $code)',
      fails: {
        en: 'There is no door: ls -l /proc/self/fd in a container shows 0, 1 and 2.',
        zh: '没有门了：在容器里 ls -l /proc/self/fd 只能看到 0、1、2。',
      },
      check: (see) => see.exitCode !== 0,
      fact: { en: 'no descriptor of the host got in', zh: '宿主机的描述符一个也没有漏进去' },
      nearly: { en: 'cd should find no descriptor 9.', zh: 'cd 应当找不到描述符 9。' },
    },
    {
      say: { en: 'And the step that closes them:', zh: '关闭它们的那一步：' },
      run: 'glasspod explain run --network none $IMAGE true | grep -A 5 "process.descriptors"',
      check: (see) => /close_range/.test(see.output),
      fact: { en: 'close_range(2), from 4 to the last', zh: 'close_range(2)，从 4 到最后一个' },
      nearly: { en: 'The step is called process.descriptors.', zh: '这一步名为 process.descriptors。' },
    },
  ],
  question: {
    ask: {
      en: 'Would it help to close all descriptors before chroot, and to do nothing else?',
      zh: '如果在 chroot 之前关闭所有描述符，别的什么都不做，够不够？',
    },
    answer: {
      en: 'No. A process with CAP_SYS_CHROOT makes a directory, calls chroot on it while it stands outside, and walks up with “..” until it is at the host’s root. The kernel’s root is only the place where “..” stops. The old root has to be gone from the mount namespace.',
      zh: '不够。拥有 CAP_SYS_CHROOT 的进程可以新建一个目录，自己站在外面对它调用 chroot，然后不断 “..” 往上走，直到宿主机的根。所谓根目录，只不过是 “..” 停下来的地方。旧的根必须从挂载命名空间里消失才行。',
    },
  },
}
