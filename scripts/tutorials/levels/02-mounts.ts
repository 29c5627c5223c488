import type { Level } from '../level.ts'

const ENTER = 'nsenter --target $pid --user --mount --preserve-credentials'

export const level: Level = {
  id: '02',
  name: 'mounts',
  title: { en: 'Mount namespaces, and pivot_root', zh: '挂载命名空间与 pivot_root' },
  concept: {
    en: 'A mount namespace is a list of mounts: what is mounted where. A process with a list of its own can mount without anybody seeing it, and can throw the host’s tree out of its list. That is what makes a root file system a wall.',
    zh: '挂载命名空间就是一张挂载列表：什么挂在哪里。拥有自己列表的进程可以随意挂载而不被别人看见，还能把宿主机的目录树整个从列表里扔出去。正因如此，根文件系统才成了一堵墙。',
  },
  watch: "watch -n 1 'cat /proc/$(pgrep -n -P $shell -x sleep)/mountinfo | cut -c 1-78'",
  image: 'stored',
  steps: [
    {
      say: {
        en: 'A process with a mount namespace of its own. At first it is a copy of ours.',
        zh: '启动一个拥有自己挂载命名空间的进程。一开始，它是我们那份列表的副本。',
      },
      run: 'unshare --map-root-user --mount sleep 1000 & pid=$!\nreadlink /proc/$$/ns/mnt',
      check: async (see) => {
        const other = see.namespace(await see.pid('pid'), 'mnt')
        return other !== '' && other !== see.namespace('self', 'mnt')
      },
      fact: { en: '/proc/$pid/ns/mnt has another number than ours', zh: '/proc/$pid/ns/mnt 的号码与我们不同' },
      nearly: { en: 'pid should be the sleep that unshare became.', zh: 'pid 应当是由 unshare 变成的那个 sleep。' },
    },
    {
      say: {
        en: 'Mount something in it, from here: nsenter(1) goes in, and mount runs there.',
        zh: '从这里进去挂点东西：nsenter(1) 进入它的命名空间，mount 在里面执行。',
      },
      run: `${ENTER} mount -t tmpfs learn /mnt\ngrep -c " /mnt " /proc/$pid/mountinfo`,
      check: async (see) =>
        / \/mnt .* tmpfs learn /.test(see.read(`/proc/${await see.pid('pid')}/mountinfo`)) &&
        !/ learn /.test(see.read('/proc/self/mountinfo')),
      fact: {
        en: 'there is a tmpfs at /mnt in its list, and none in ours',
        zh: '它的列表里 /mnt 处有一个 tmpfs，我们的列表里没有',
      },
      nearly: {
        en: 'The mount should be made inside: with nsenter --mount.',
        zh: '挂载应当在里面进行：用 nsenter --mount。',
      },
    },
    {
      say: { en: 'The same mount out here is not ours to make.', zh: '同样的挂载，在外面我们可做不了。' },
      run: 'mount -t tmpfs learn /mnt',
      fails: {
        en: 'A mount namespace belongs to a user namespace; only who is root there may change it.',
        zh: '每个挂载命名空间都归属于某个用户命名空间；只有那里的 root 才能改动它。',
      },
      check: (see) => see.exitCode !== 0 && !/ learn /.test(see.read('/proc/self/mountinfo')),
      fact: { en: 'refused, and nothing is mounted', zh: '被拒绝，什么也没有挂上' },
      nearly: { en: 'An ordinary user should be refused.', zh: '普通用户应当被拒绝。' },
    },
    {
      say: { en: 'A small root to change into.', zh: '准备一个小小的根，用来切换进去。' },
      run: 'mkdir -p new/bin new/old\ncp /bin/busybox new/bin/\nfor name in sh ls umount sleep; do ln -s busybox new/bin/$name; done\nls new',
      check: (see) => see.read('new/bin/busybox') !== '',
      fact: { en: 'new/ has bin and old', zh: 'new/ 下有 bin 和 old' },
      nearly: { en: 'new/bin/busybox should be there.', zh: 'new/bin/busybox 应当存在。' },
    },
    {
      say: {
        en: 'pivot_root(2) makes a mount the root and hangs the old root below it; umount lets that go. A directory becomes a mount by being bound to itself.',
        zh: 'pivot_root(2) 把某个挂载变成根，并把旧的根挂到它下面；再用 umount 把旧的根放走。一个目录只要绑定到自己身上，就成了一个挂载。',
      },
      run: "unshare --map-root-user --mount sh -c '\n  mount --bind new new && cd new\n  pivot_root . old\n  cd / && umount -l /old\n  exec /bin/sleep 1000' & boxed=$!\nwhile [ \"$(cat /proc/$boxed/comm)\" != sleep ]; do :; done\ncut -d ' ' -f 4,5 /proc/$boxed/mountinfo",
      check: async (see) => {
        const lines = see
          .read(`/proc/${await see.pid('boxed')}/mountinfo`)
          .trim()
          .split('\n')
        return lines.length === 1 && / \/ /.test(lines[0] ?? '')
      },
      fact: {
        en: 'its list has one line: the new root. Nothing of the host is left in it',
        zh: '它的列表里只剩一行：新的根。宿主机的东西一样也不剩',
      },
      nearly: {
        en: 'umount -l /old has to be the one of the new root: cd / first.',
        zh: 'umount -l /old 必须在新的根里执行：先 cd /。',
      },
    },
    {
      say: {
        en: 'Compare with a container: the mounts that glasspod makes, before it lets the host go.',
        zh: '对比一下容器：glasspod 在放走宿主机之前做了哪些挂载。',
      },
      run: 'glasspod run --rm --network none $IMAGE cut -d " " -f 5 /proc/self/mountinfo | head -5\nglasspod explain run --network none $IMAGE true | grep -A 3 "rootfs.pivot"',
      check: (see) => /pivot_root\("\.", "\."\)/.test(see.output) && /^\/dev$/m.test(see.output),
      fact: {
        en: 'pivot_root(".", "."): the same without a directory for the old root',
        zh: 'pivot_root(".", ".")：同样的做法，连放旧根的目录都不需要',
      },
      nearly: { en: 'The step is called rootfs.pivot.', zh: '这一步名为 rootfs.pivot。' },
    },
  ],
  question: {
    ask: {
      en: 'Why must the new root be a mount, and why is a bind of a directory to itself enough?',
      zh: '为什么新的根必须是一个挂载点？为什么把目录绑定到自身就够了？',
    },
    answer: {
      en: 'pivot_root exchanges mounts in the list, and a plain directory is not in the list. mount --bind puts it there, with itself as what is mounted. In a container the overlay of level 03 is the mount.',
      zh: 'pivot_root 交换的是列表里的挂载，而普通目录不在列表里。mount --bind 把它放进列表，挂的就是它自己。在容器里，充当这个挂载的是第 03 关的 overlay。',
    },
  },
}
