import type { Level } from '../level.ts'

/** Bits of include/uapi/linux/capability.h. */
const CAP_CHOWN = 1n << 0n
const CAP_SYS_ADMIN = 1n << 21n

const has = (set: string, bit: bigint): boolean => set !== '' && (BigInt(`0x${set}`) & bit) !== 0n

export const level: Level = {
  id: '07',
  name: 'capabilities',
  title: { en: 'Capabilities, no_new_privs, seccomp', zh: '能力、no_new_privs 与 seccomp' },
  concept: {
    en: 'Root is forty capabilities in one. A process has five sets of them; what is missing from the bounding set can never come back. no_new_privs says that no program gains anything from its setuid bit. seccomp is a filter that every system call has to pass.',
    zh: 'root 其实是四十来个能力（capability）的总和。每个进程有五个能力集；从边界集（bounding set）里去掉的，就再也回不来了。no_new_privs 规定任何程序都不能靠 setuid 位获得新权限。seccomp 则是每个系统调用都必须通过的过滤器。',
  },
  watch: 'watch -n 1 \'grep -E "^(Cap|NoNewPrivs|Seccomp)" /proc/$(pgrep -n -P $shell -x sleep)/status\'',
  image: 'stored',
  steps: [
    {
      say: {
        en: 'Root of a user namespace of one’s own: which capabilities has it?',
        zh: '自己的用户命名空间里的 root 有哪些能力？',
      },
      run: 'unshare --map-root-user sleep 1000 & full=$!\nuntil [ "$(cat /proc/$full/comm)" = sleep ]; do :; done\ngrep ^Cap /proc/$full/status',
      check: async (see) => has(see.status(await see.pid('full'), 'CapEff'), CAP_SYS_ADMIN),
      fact: {
        en: 'CapEff has all of them, also bit 21, CAP_SYS_ADMIN',
        zh: 'CapEff 里全都有，包括第 21 位 CAP_SYS_ADMIN',
      },
      nearly: {
        en: 'full should be a sleep that is root of its namespace.',
        zh: 'full 应当是在自己命名空间里为 root 的 sleep。',
      },
    },
    {
      say: {
        en: 'Drop all but one from the bounding set, then become a program: exec computes the new sets from it.',
        zh: '从边界集里去掉其余全部，只留一个，然后执行一个程序：exec 会据此算出新的能力集。',
      },
      run: 'unshare --map-root-user setpriv --bounding-set -all,+chown sleep 1000 & less=$!\nuntil [ "$(cat /proc/$less/comm)" = sleep ]; do :; done\ngrep -E "^Cap(Eff|Bnd)" /proc/$less/status',
      check: async (see) => {
        const less = await see.pid('less')
        return ['CapEff', 'CapBnd'].every((set) => BigInt(`0x${see.status(less, set) || 'ff'}`) === CAP_CHOWN)
      },
      fact: { en: 'still uid 0, and only CAP_CHOWN is left', zh: '仍然是 uid 0，却只剩下 CAP_CHOWN' },
      nearly: { en: 'The order is --bounding-set -all,+chown.', zh: '写法是 --bounding-set -all,+chown。' },
    },
    {
      say: {
        en: 'Is it still root? Let such a root mount something.',
        zh: '它还算 root 吗？让这样的 root 来挂载点东西。',
      },
      run: 'unshare --map-root-user --mount setpriv --bounding-set -all,+chown mount -t tmpfs learn /mnt',
      fails: {
        en: 'The kernel asks for CAP_SYS_ADMIN, not for uid 0.',
        zh: '内核要的是 CAP_SYS_ADMIN，而不是 uid 0。',
      },
      check: (see) => see.exitCode !== 0,
      fact: { en: 'EPERM: uid 0 is not enough', zh: 'EPERM：光有 uid 0 还不够' },
      nearly: { en: 'The mount should be refused.', zh: '挂载应当被拒绝。' },
    },
    {
      say: {
        en: 'no_new_privs: a promise to the kernel that cannot be taken back. newuidmap(1) is a setuid program, and --map-auto needs it.',
        zh: 'no_new_privs：向内核作出的、无法收回的承诺。newuidmap(1) 是 setuid 程序，而 --map-auto 离不开它。',
      },
      run: 'setpriv --no-new-privs unshare --map-root-user --map-auto true',
      fails: {
        en: 'The program runs, but its setuid bit counts for nothing any more.',
        zh: '程序照样运行，但它的 setuid 位不再起作用。',
      },
      check: (see) => see.exitCode !== 0,
      fact: {
        en: 'newuidmap could not become root, so it could not write the map',
        zh: 'newuidmap 没能成为 root，也就写不了映射表',
      },
      nearly: { en: 'This should fail: was --no-new-privs there?', zh: '这应当失败：写了 --no-new-privs 吗？' },
    },
    {
      say: {
        en: 'A container has fourteen capabilities by default, and a seccomp filter.',
        zh: '容器默认有十四个能力，外加一个 seccomp 过滤器。',
      },
      run: 'glasspod run -d --name level7 --network none $IMAGE sleep 1000\nbox=$(glasspod inspect level7 | jq ".[0].State.Pid")\ngrep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/$box/status',
      check: async (see) => {
        const box = await see.pid('box')
        const effective = see.status(box, 'CapEff')
        return has(effective, CAP_CHOWN) && !has(effective, CAP_SYS_ADMIN) && see.status(box, 'Seccomp') === '2'
      },
      fact: {
        en: 'no CAP_SYS_ADMIN, and Seccomp is 2: a filter is loaded',
        zh: '没有 CAP_SYS_ADMIN；Seccomp 为 2：过滤器已装载',
      },
      nearly: { en: 'box should be the pid of the container’s process.', zh: 'box 应当是容器进程的 pid。' },
    },
    {
      say: {
        en: 'Give CAP_SYS_ADMIN? No: ask for a user namespace, where one would have it. The filter knows that way.',
        zh: '那就绕个路：新建一个用户命名空间，在里面不就有 CAP_SYS_ADMIN 了？过滤器认得这条路。',
      },
      run: 'glasspod exec level7 unshare -U true',
      fails: {
        en: 'unshare(2) with CLONE_NEWUSER is refused by the default profile: a large part of the kernel’s attack surface begins there.',
        zh: '默认规则拒绝带 CLONE_NEWUSER 的 unshare(2)：内核的很大一部分攻击面正是从那里开始的。',
      },
      check: (see) => see.exitCode !== 0,
      fact: { en: 'EPERM, from the filter', zh: '过滤器返回了 EPERM' },
      nearly: { en: 'The filter should refuse it.', zh: '过滤器应当拒绝它。' },
    },
    {
      say: { en: 'Without any of it:', zh: '如果什么都不给：' },
      run: 'glasspod run --rm --network none --cap-drop ALL --security-opt no-new-privileges $IMAGE grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status\nglasspod explain run --network none --cap-drop ALL $IMAGE true | grep -A 3 "process.bounding"',
      check: (see) => /CapBnd:\s+0+$/m.test(see.output) && /NoNewPrivs:\s+1/.test(see.output),
      fact: { en: 'the bounding set is empty, and stays so', zh: '边界集为空，而且永远为空' },
      nearly: { en: '--cap-drop ALL empties the bounding set.', zh: '--cap-drop ALL 会清空边界集。' },
    },
  ],
  question: {
    ask: {
      en: 'Why is the seccomp filter loaded before the capabilities are dropped, unless no_new_privs is set?',
      zh: '为什么在没有设置 no_new_privs 时，seccomp 过滤器要在丢弃能力之前装载？',
    },
    answer: {
      en: 'seccomp(2) demands one of two things: CAP_SYS_ADMIN in one’s user namespace, or no_new_privs. Otherwise a filter could make a setuid program fail half way, and keep root where it meant to let go.',
      zh: 'seccomp(2) 要求二者居其一：在自己的用户命名空间里有 CAP_SYS_ADMIN，或者已设置 no_new_privs。否则，别有用心的过滤器可以让 setuid 程序半途失败，使它在本该放弃 root 时放弃不了。',
    },
  },
}
