import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call } from '../../../runtime/init/call.ts'
import { planAttachMounts, planOpenMounts } from '../../../runtime/plan/config-mounts.ts'
import type { OciMount } from '../../../runtime/spec/oci.ts'
import { refusal } from '../kernel/refusal.ts'
import { ids, strace } from './strace.ts'

const facts = { isDirectory: (path: string) => !path.endsWith('.txt'), hostNetwork: false }
const bind = (source: string, destination: string, ...options: string[]): OciMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', ...options],
})
const tmpfs = (destination: string, ...options: string[]): OciMount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
})
const kernel = (type: string, destination: string): OciMount => ({
  destination,
  type,
  source: type,
  options: ['nosuid', 'ro'],
})
const plan = (mounts: OciMount[], more = facts): Call[] => [
  ...planOpenMounts(mounts, more),
  ...planAttachMounts(mounts, more, 'before-dev'),
  ...planAttachMounts(mounts, more, 'after-dev'),
]

/** What is attached where, by following each descriptor from the call that made it to the one that attaches it. */
const follow = (calls: Call[]): Record<string, string> => {
  const memory = new Map<string, string>()
  const attached: Record<string, string> = {}
  for (const { call, args, result } of calls) {
    const load = (index: number) => {
      const argument = args[index]
      return typeof argument === 'object' && 'load' in argument ? (memory.get(argument.load) ?? 'nothing') : 'nothing'
    }
    if (call === 'move_mount') attached[load(2)] = load(0)
    if (call === 'close') {
      const [argument] = args
      if (typeof argument === 'object' && 'load' in argument) memory.set(argument.load, 'closed')
    }
    if (result === undefined) continue
    const [, path] = args
    memory.set(result.at, call === 'fsmount' ? 'filesystem' : typeof path === 'string' ? path : call)
  }
  return attached
}

describe('mounts', () => {
  it('of a volume, a tmpfs and proc are these calls', () => {
    expect(strace(plan([kernel('proc', '/proc'), bind('/srv', '/data', 'ro'), tmpfs('/run', 'noexec', 'size=1m')])))
      .toMatchInlineSnapshot(`
        "$proc#0.context = fsopen("proc", FSOPEN_CLOEXEC)
        fsconfig($proc#0.context, FSCONFIG_SET_STRING, "source", "proc", 0)
        fsconfig($proc#0.context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
        $proc#0 = fsmount($proc#0.context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_RDONLY)
        close($proc#0.context)
        $volume.data#1 = open_tree(AT_FDCWD, "/srv", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE)
        mount_setattr($volume.data#1, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}, 32)
        $run#2.context = fsopen("tmpfs", FSOPEN_CLOEXEC)
        fsconfig($run#2.context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
        fsconfig($run#2.context, FSCONFIG_SET_STRING, "size", "1m", 0)
        fsconfig($run#2.context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
        $run#2 = fsmount($run#2.context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC)
        close($run#2.context)
        mkdirat(AT_FDCWD, "/proc", 0755) ?EEXIST|EROFS
        $proc#0.target = openat2(AT_FDCWD, "/proc", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS}, 24)
        move_mount($proc#0, "", $proc#0.target, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
        close($proc#0.target)
        close($proc#0)
        mkdirat(AT_FDCWD, "/data", 0755) ?EEXIST|EROFS
        $volume.data#1.target = openat2(AT_FDCWD, "/data", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)
        move_mount($volume.data#1, "", $volume.data#1.target, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
        close($volume.data#1.target)
        close($volume.data#1)
        mkdirat(AT_FDCWD, "/run", 0755) ?EEXIST|EROFS
        $run#2.target = openat2(AT_FDCWD, "/run", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)
        move_mount($run#2, "", $run#2.target, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
        close($run#2.target)
        close($run#2)"
      `)
  })

  it('of a file make a file', () => {
    expect(strace(plan([bind('/srv/a.txt', '/etc/a.txt')]))).toMatchInlineSnapshot(`
      "$volume.etc.a.txt#0 = open_tree(AT_FDCWD, "/srv/a.txt", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE)
      mkdirat(AT_FDCWD, "/etc", 0755) ?EEXIST|EROFS
      $volume.etc.a.txt#0.created = openat(AT_FDCWD, "/etc/a.txt", O_CREAT|O_CLOEXEC|O_NOCTTY|O_NONBLOCK, 0644) ?EACCES|EROFS|ENXIO -> volume.etc.a.txt#0.exists
      close($volume.etc.a.txt#0.created)
      volume.etc.a.txt#0.exists: goto next
      $volume.etc.a.txt#0.target = openat2(AT_FDCWD, "/etc/a.txt", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)
      move_mount($volume.etc.a.txt#0, "", $volume.etc.a.txt#0.target, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
      close($volume.etc.a.txt#0.target)
      close($volume.etc.a.txt#0)"
    `)
  })

  it('of the kernel come before /dev, and by no link; what lies in /dev after it', () => {
    const mounts = [
      tmpfs('/dev/shm'),
      kernel('sysfs', '/sys'),
      kernel('cgroup', '/sys/fs/cgroup'),
      kernel('mqueue', '/dev/mqueue'),
    ]
    expect(ids(planAttachMounts(mounts, facts, 'before-dev'))).toEqual(['mounts.sys', 'mounts.sys.fs.cgroup'])
    expect(ids(planAttachMounts(mounts, facts, 'after-dev'))).toEqual(['mounts.dev.shm', 'mounts.dev.mqueue'])
    expect(strace(planAttachMounts(mounts, facts, 'before-dev')).match(/RESOLVE_NO_SYMLINKS/g)).toHaveLength(2)
  })

  it('bind the host’s /sys with the host’s network', () => {
    const text = strace(planOpenMounts([kernel('sysfs', '/sys')], { ...facts, hostNetwork: true }))
    expect(text).toMatchInlineSnapshot(`
      "$sys#0 = open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE)
      mount_setattr($sys#0, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC, attr_clr=0, propagation=0, userns_fd=0}, 32)"
    `)
  })

  it('of an unknown type are refused', () => {
    expect(refusal(() => plan([kernel('nfs', '/data')]))).toBe('mount /data: filesystem type nfs is not supported')
  })

  it('are attached each at its own place', () => {
    expect(follow(plan([bind('/1', '/a'), bind('/2', '/b/c'), tmpfs('/t'), tmpfs('/t/context')]))).toEqual({
      '/a': '/1',
      '/b/c': '/2',
      '/t': 'filesystem',
      '/t/context': 'filesystem',
    })
  })

  it.each([
    ['below another, at a name of ours', [bind('/1', '/app'), bind('/2', '/app/target')]],
    ['that differ in a dot', [bind('/1', '/data/a'), bind('/2', '/data.a')]],
  ])('are attached each at its own place, two %s', (_, mounts) => {
    const wanted = mounts.map(({ destination, source }) => [destination, source === 'tmpfs' ? 'filesystem' : source])
    expect(follow(plan(mounts))).toEqual(Object.fromEntries(wanted))
  })

  it('keep apart from the names that the rest of the program has', () => {
    const names = plan([tmpfs('/stdin'), tmpfs('/devpts'), tmpfs('/slave')]).flatMap(({ result }) => result?.at ?? [])
    expect(names.filter((name) => ['stdin', 'devpts', 'slave'].includes(name))).toEqual([])
  })

  it('are attached each at its own place, whatever their names', () => {
    const word = fc.constantFrom('a', 'b', 'a.b', 'target', 'created', 'exists')
    const path = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 4 }), (paths) => {
        const wanted = paths.map((destination, index) => [destination, `/${index}`])
        expect(follow(plan(paths.map((destination, index) => bind(`/${index}`, destination))))).toEqual(
          Object.fromEntries(wanted),
        )
      }),
      { examples: [[['/a', '/a/target']]] },
    )
  })

  it.each(['/dev', '/dev/pts'])('at %s are refused, not forgotten', (destination) => {
    expect(refusal(() => plan([bind('/1', destination)]))).toContain(destination)
  })

  it('are attached the outer before the inner', () => {
    const order = ids(planAttachMounts([bind('/1', '/data/sub'), bind('/2', '/data')], facts, 'after-dev'))
    expect(order).toEqual(['mounts.volume.data', 'mounts.volume.data.sub'])
  })
})
