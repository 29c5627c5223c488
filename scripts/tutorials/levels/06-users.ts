import { statSync } from 'node:fs'
import type { Level, Witness } from '../level.ts'

/** The lines of an id map: inside, outside, count. */
const mapOf = (see: Witness, pid: number): number[][] =>
  see
    .read(`/proc/${pid}/uid_map`)
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/).map(Number))

const myUid = (): number => process.getuid?.() ?? 0

export const level: Level = {
  id: '06',
  name: 'users',
  title: { en: 'User namespaces: root without being root', zh: '用户命名空间：不是 root 的 root' },
  concept: {
    en: 'A user namespace has its own user ids and its own capabilities. A map says which id outside an id inside is. Root inside may do what concerns this namespace and what it owns; to the rest of the machine it is an ordinary user. All rootless containers rest on this.',
    zh: '用户命名空间有自己的用户 id 和自己的能力。一张映射表说明里面的 id 对应外面的哪个 id。里面的 root 可以处置这个命名空间以及归它所有的东西；对机器的其余部分而言，它只是普通用户。所有 rootless 容器都建立在此之上。',
  },
  watch: "watch -n 1 'lsns -t user'",
  image: 'stored',
  needs: {
    name: { en: 'a range in /etc/subuid', zh: '/etc/subuid 里的一段 id' },
    isThere: () => {
      try {
        return statSync('/etc/subuid').size > 0
      } catch {
        return false
      }
    },
  },
  steps: [
    {
      say: {
        en: 'A user namespace without a map: there are no ids yet.',
        zh: '先来一个没有映射表的用户命名空间：里面还没有任何 id。',
      },
      run: 'unshare --user sleep 1000 & bare=$!\nuntil [ "$(readlink /proc/$bare/ns/user)" != "$(readlink /proc/$$/ns/user)" ]; do :; done\nnsenter --target $bare --user --preserve-credentials id -u\ncat /proc/$bare/uid_map',
      check: async (see) => mapOf(see, await see.pid('bare')).length === 0 && see.output.trim() === '65534',
      fact: {
        en: 'uid_map is empty, and everybody is 65534, nobody',
        zh: 'uid_map 为空，人人都是 65534，也就是 nobody',
      },
      nearly: {
        en: 'bare should be a process in a user namespace without a map.',
        zh: 'bare 应当是处在没有映射表的用户命名空间里的进程。',
      },
    },
    {
      say: {
        en: 'One id: we are root inside. Anybody may map himself.',
        zh: '映射一个 id：我们在里面成了 root。把自己映射进去是人人都可以做的。',
      },
      run: 'unshare --map-root-user sleep 1000 & pid=$!\nuntil grep -q . /proc/$pid/uid_map && [ "$(cat /proc/$pid/comm)" = sleep ]; do :; done\ncat /proc/$pid/uid_map\ngrep CapEff /proc/$pid/status',
      check: async (see) => {
        const pid = await see.pid('pid')
        const [[inside, outside, count] = []] = mapOf(see, pid)
        return inside === 0 && outside === myUid() && count === 1 && !/^0+$/.test(see.status(pid, 'CapEff'))
      },
      fact: {
        en: '0 inside is our own id outside; and CapEff is full',
        zh: '里面的 0 就是外面的我们自己；CapEff 是满的',
      },
      nearly: { en: 'uid_map should have one line that begins with 0.', zh: 'uid_map 应当只有一行，以 0 开头。' },
    },
    {
      say: {
        en: 'All capabilities: then mount something over /mnt of the machine?',
        zh: '既然能力齐全，那就在机器的 /mnt 上挂点东西？',
      },
      run: 'nsenter --target $pid --user --preserve-credentials mount -t tmpfs learn /mnt',
      fails: {
        en: 'The mount namespace belongs to the first user namespace, and there we are nobody special.',
        zh: '这个挂载命名空间归最初的用户命名空间所有，而在那里我们什么都不是。',
      },
      check: (see) => see.exitCode !== 0 && !/ learn /.test(see.read('/proc/self/mountinfo')),
      fact: {
        en: 'EPERM: capabilities count only over what the own namespace owns',
        zh: 'EPERM：能力只对自己的命名空间所拥有的东西有效',
      },
      nearly: { en: 'This should be refused.', zh: '这应当被拒绝。' },
    },
    {
      say: {
        en: 'Files of an image belong to many users. Give one away:',
        zh: '镜像里的文件属于许多用户。试着把一个文件送给别人：',
      },
      run: 'echo hello >file\nunshare --map-root-user chown 1:1 file',
      fails: {
        en: 'Id 1 is in no map, so the kernel cannot say who that would be: EINVAL.',
        zh: 'id 1 不在映射表里，内核无从知道那是谁：EINVAL。',
      },
      check: (see) => see.exitCode !== 0 && statSync(`${see.directory}/file`).uid === myUid(),
      fact: { en: 'the file is still ours', zh: '文件仍然是我们的' },
      nearly: { en: 'chown to an id that is not mapped should fail.', zh: 'chown 到未映射的 id 应当失败。' },
    },
    {
      say: {
        en: 'More ids have to be granted by the administrator, in /etc/subuid. newuidmap(1), a setuid program, writes the map; --map-auto asks it to.',
        zh: '更多的 id 须由管理员在 /etc/subuid 里授予。映射表由 setuid 程序 newuidmap(1) 写入；--map-auto 就是请它来做。',
      },
      run: 'grep "^$(id -un):" /etc/subuid\nunshare --map-root-user --map-auto sleep 1000 & many=$!\nuntil [ "$(wc -l </proc/$many/uid_map)" = 2 ]; do :; done\ncat /proc/$many/uid_map',
      check: async (see) => {
        const [, [inside = 0, outside = 0, count = 0] = []] = mapOf(see, await see.pid('many'))
        return inside === 1 && outside > 65535 && count > 1
      },
      fact: {
        en: 'a second line: 1 and up are the subordinate ids',
        zh: '多了第二行：1 及以上对应从属 id（subordinate id）',
      },
      nearly: { en: 'uid_map should have two lines.', zh: 'uid_map 应当有两行。' },
    },
    {
      say: {
        en: 'Now the file can be given away. Who owns it out here?',
        zh: '现在文件可以送出去了。在外面看，它归谁？',
      },
      run: 'unshare --map-root-user --map-auto chown 1:1 file\nls -ln file',
      check: async (see) => {
        const [, [, outside = 0] = []] = mapOf(see, await see.pid('many'))
        return outside > 0 && statSync(`${see.directory}/file`).uid === outside
      },
      fact: {
        en: 'user 1 inside is the first subordinate id outside: an id that nobody logs in with',
        zh: '里面的用户 1 就是外面的第一个从属 id：一个没有人用来登录的 id',
      },
      nearly: { en: 'chown 1:1 has to run with --map-auto.', zh: 'chown 1:1 需要带上 --map-auto 执行。' },
    },
    {
      say: { en: 'The same in a container, as user 33 of it:', zh: '在容器里，以它的 33 号用户做同样的事：' },
      run: 'glasspod run -d --name level6 --network none -u 33 $IMAGE sleep 1000\nbox=$(glasspod inspect level6 | jq ".[0].State.Pid")\ngrep "^Uid" /proc/$box/status\nglasspod ids 33',
      check: async (see) => {
        const box = await see.pid('box')
        const [, [, outside = 0] = []] = mapOf(see, box)
        const real = Number(see.status(box, 'Uid').split(/\s+/)[0])
        const isTold = new RegExp(`^container 33 +user +33 +${real}$`, 'm').test(see.output)
        return real === outside + 32 && isTold && mapOf(see, box).every(([, first]) => first !== 0)
      },
      fact: {
        en: '33 inside is the 33rd subordinate id; and no line of the map leads to the host’s 0',
        zh: '里面的 33 是第 33 个从属 id；映射表中没有一行通往宿主机的 0',
      },
      nearly: { en: 'box should be the pid of the container’s process.', zh: 'box 应当是容器进程的 pid。' },
    },
    {
      say: {
        en: 'Where did the container get its map? Not from run: all containers of a user are in one user namespace, which is made before the first.',
        zh: '容器的映射表从哪里来？不是 run 建的：一个用户的所有容器同处一个用户命名空间，它在第一个容器之前就建好了。',
      },
      run: 'glasspod explain rootless | grep -A 6 "node.holder"',
      check: (see) => /unshare --user --map-root-user --map-auto/.test(see.output),
      fact: {
        en: 'the command from above, with --map-auto; the holder stays in it, so that it lives',
        zh: '就是上面那条带 --map-auto 的命令；holder 留在里面，好让它活着',
      },
      nearly: { en: 'The step is called node.holder.', zh: '这一步名为 node.holder。' },
    },
  ],
  question: {
    ask: {
      en: 'Somebody breaks out of a rootless container, as its root. Who is he then?',
      zh: '有人以容器 root 的身份逃出了 rootless 容器。他此时是谁？',
    },
    answer: {
      en: 'The user who started it, with that user’s files and nothing more; as another user of the container he is a subordinate id, which owns nothing on the host. With a map of 0 to 0 he would be root.',
      zh: '是启动容器的那个用户，拥有该用户的文件，除此之外什么也没有；如果是容器里的其他用户，则是某个从属 id，在宿主机上一无所有。要是把 0 映射成 0，他就真成了 root。',
    },
  },
}
