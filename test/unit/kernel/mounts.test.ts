import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compileProgram } from '../../../runtime/init/program.ts'
import { calls, type Call } from '../../../runtime/init/call.ts'
import { planAttachDevices, planDevpts, planOpenDevices } from '../../../runtime/kernel/devices.ts'
import {
  planAttach,
  planBind,
  planFilesystem,
  planMask,
  planMissing,
  planPrivatePropagation,
  planReadonly,
} from '../../../runtime/kernel/mounts.ts'
import { planMoveRoot, planOverlay, planPivotRoot, planReadonlyRoot } from '../../../runtime/kernel/rootfs.ts'
import { useDirectory } from '../agent/temporary.ts'
import { strace } from '../plan/strace.ts'
import { refusal } from './refusal.ts'

const { fresh } = useDirectory()
const exit = calls('test', 'exit_group(2)')('exit_group', [0])

/** Runs a list to its end: the exit code, or the signal of the timeout. */
const run = (list: Call[], prefix: string[] = []) => {
  const file = fresh()
  writeFileSync(file, compileProgram([...list, exit]).elf, { mode: 0o755 })
  const [command = '', ...args] = [...prefix, file]
  const { status, signal } = spawnSync(command, args, { timeout: 2000, killSignal: 'SIGKILL' })
  return status ?? signal
}
const inNamespaces = ['unshare', '--user', '--map-root-user', '--mount', '--']
const canMount = spawnSync('unshare', [...inNamespaces.slice(1), 'mount', '-t', 'tmpfs', 'x', '/tmp']).status === 0

describe('mounts as calls', () => {
  it('a filesystem', () => {
    const options = ['mode=755', 'size=64k']
    const filesystem = planFilesystem({ name: 'run', type: 'tmpfs', options, attributes: ['NOSUID', 'NODEV'], why: '' })
    expect(strace(filesystem)).toMatchInlineSnapshot(`
      "$run.context = fsopen("tmpfs", FSOPEN_CLOEXEC)
      fsconfig($run.context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
      fsconfig($run.context, FSCONFIG_SET_STRING, "mode", "755", 0)
      fsconfig($run.context, FSCONFIG_SET_STRING, "size", "64k", 0)
      fsconfig($run.context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
      $run = fsmount($run.context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV)
      close($run.context)"
    `)
  })

  it('a bind, which only ever takes rights away', () => {
    expect(strace(planBind({ name: 'v', source: '/s', attributes: ['RDONLY'], why: '' }))).toMatchInlineSnapshot(`
      "$v = open_tree(AT_FDCWD, "/s", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE)
      mount_setattr($v, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}, 32)"
    `)
    expect(strace(planBind({ name: 'v', source: '/s', attributes: [], why: '' }))).not.toContain('mount_setattr')
  })

  it('an attachment, with links or without', () => {
    expect(strace(planAttach({ name: 'v', destination: '/a/b', kind: 'directory' }))).toMatchInlineSnapshot(`
      "mkdirat(AT_FDCWD, "/a", 0755) ?EEXIST|EROFS
      mkdirat(AT_FDCWD, "/a/b", 0755) ?EEXIST|EROFS
      $v.target = openat2(AT_FDCWD, "/a/b", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)
      move_mount($v, "", $v.target, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
      close($v.target)
      close($v)"
    `)
    expect(strace(planAttach({ name: 'v', destination: '/a', kind: 'directory', strict: true }))).toContain(
      'RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS',
    )
  })

  it('a mask and a read-only path', () => {
    expect(strace([...planMask('/proc/kcore', 0), ...planReadonly('/proc/sys', 1)])).toMatchInlineSnapshot(`
      "$masked.0 = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)
      move_mount($masked.0, "", AT_FDCWD, "/proc/kcore", MOVE_MOUNT_F_EMPTY_PATH) ?ENOENT|ENOTDIR|EINVAL -> masked.0.directory
      goto masked.0.next
      masked.0.directory: mount("tmpfs", "/proc/kcore", "tmpfs", MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC, "size=0k,nr_inodes=1") ?ENOENT
      masked.0.next: close($masked.0)
      $readonly.1 = open_tree(AT_FDCWD, "/proc/sys", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) ?ENOENT -> readonly.1.next
      mount_setattr($readonly.1, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}, 32)
      move_mount($readonly.1, "", AT_FDCWD, "/proc/sys", MOVE_MOUNT_F_EMPTY_PATH)
      close($readonly.1)
      readonly.1.next: goto next"
    `)
  })

  it('private propagation', () => {
    expect(strace(planPrivatePropagation())).toBe('mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)')
  })
})

describe('the root', () => {
  const overlay = {
    layersDir: '/l',
    lower: ['b', 'a:1,2\\3'],
    upper: '/u',
    work: '/w',
    target: '/t',
    links: '/c/1/lower',
  }

  it('is layers below one of its own, by short names that hold anything', () => {
    expect(strace(planOverlay(overlay))).toMatchInlineSnapshot(`
      "chdir("/l")
      mount("overlay", "/t", "overlay", 0, "lowerdir=b:a\\\\:1\\\\,2\\\\\\\\3,upperdir=/u,workdir=/w,userxattr")"
    `)
  })

  it('is switched to by pivot_root, or moved', () => {
    expect(strace([...planPivotRoot('/t'), ...planReadonlyRoot()])).toMatchInlineSnapshot(`
      "chdir("/t")
      pivot_root(".", ".")
      umount2(".", MNT_DETACH)
      chdir("/")
      mount_setattr(AT_FDCWD, "/", 0, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}, 32)"
    `)
    expect(strace(planMoveRoot('/t'))).toMatchInlineSnapshot(`
      "chdir("/t")
      mount(".", "/", NULL, MS_MOVE, NULL)
      chroot(".")
      chdir("/")"
    `)
  })

  const lower = (count: number) => Array.from({ length: count }, (_, index) => `${index}`.padStart(64, '0'))
  const optionsOf = (count: number) => {
    const options = planOverlay({ ...overlay, lower: lower(count) }).at(-1)?.args[4]
    return typeof options === 'string' ? options : ''
  }

  it('has more layers than their names fit one mount(2) by links that are short and relative', () => {
    expect(optionsOf(62)).toContain(`lowerdir=${'0'.repeat(64)}:`)
    expect(optionsOf(63)).toMatch(/^lowerdir=0:1:2:.*:1q,upperdir=\/u,/)
    const lines = strace(planOverlay({ ...overlay, lower: lower(63) })).split('\n')
    expect(lines.slice(0, 3)).toEqual([
      'mkdirat(AT_FDCWD, "/c/1/lower", 448) ?EEXIST',
      'chdir("/c/1/lower")',
      `symlinkat("../../../l/${'0'.repeat(64)}", AT_FDCWD, "0") ?EEXIST`,
    ])
    expect(lines).toHaveLength(2 + 63 + 1)
  })

  it('has as many as the kernel stacks, and no more', () => {
    expect(Buffer.byteLength(optionsOf(500))).toBeLessThanOrEqual(4095)
    expect(refusal(() => optionsOf(501))).toBe('an overlay of 501 layers is more than the kernel takes')
  })

  it('counts bytes, as mount(2) does', () => {
    expect(refusal(() => planOverlay({ ...overlay, upper: `/${'é'.repeat(2500)}` }))).toContain('more than the kernel')
  })
})

describe('devices', () => {
  it('are the host’s, opened before the root switch and attached after it', () => {
    expect(strace(planDevpts(5))).toContain('"gid", "5"')
    expect(strace(planDevpts(undefined))).not.toContain('gid')
    const [open, attach] = [strace(planOpenDevices()), strace(planAttachDevices())]
    for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty']) {
      expect(open).toContain(`$dev.${name} = open_tree(AT_FDCWD, "/dev/${name}"`)
      expect(attach).toContain(`move_mount($dev.${name}, "", $dev.${name}.target`)
    }
    expect(attach.split('\n').filter((line) => line.startsWith('symlinkat'))).toMatchInlineSnapshot(`
      [
        "symlinkat("/proc/self/fd", AT_FDCWD, "/dev/fd")",
        "symlinkat("/proc/self/fd/0", AT_FDCWD, "/dev/stdin")",
        "symlinkat("/proc/self/fd/1", AT_FDCWD, "/dev/stdout")",
        "symlinkat("/proc/self/fd/2", AT_FDCWD, "/dev/stderr")",
        "symlinkat("pts/ptmx", AT_FDCWD, "/dev/ptmx")",
      ]
    `)
  })
})

describe('what is missing', () => {
  it('is made, directories on the way too, and what is there stays', () => {
    const root = fresh()
    mkdirSync(root)
    writeFileSync(`${root}/there`, 'kept')
    const list = [
      ...planMissing(`${root}/a/b/c`, 'directory', 'test', 'one'),
      ...planMissing(`${root}/d/e.txt`, 'file', 'test', 'two'),
      ...planMissing(`${root}/there`, 'file', 'test', 'three'),
    ]
    expect([run(list), run(list)]).toEqual([0, 0])
    expect([lstatSync(`${root}/a/b/c`).isDirectory(), lstatSync(`${root}/d/e.txt`).size]).toEqual([true, 0])
    expect(readFileSync(`${root}/there`, 'utf8')).toBe('kept')
  })

  it('is made where a dangling link points: /etc/resolv.conf is often one', () => {
    const root = fresh()
    mkdirSync(root)
    symlinkSync(`${root}/target`, `${root}/link`)
    expect(run(planMissing(`${root}/link`, 'file', 'test', 'one'))).toBe(0)
    expect(existsSync(`${root}/target`)).toBe(true)
  })

  it('is an error where a file is in the way', () => {
    const root = fresh()
    writeFileSync(root, '')
    expect(run(planMissing(`${root}/a`, 'directory', 'test', 'one'))).toBe(125)
    expect(run(planMissing(`${root}/..`, 'file', 'test', 'one'))).toBe(125)
  })

  // A container can leave one in its own layer: its next start would wait for a writer for ever.
  it('is not waited for where a named pipe stands', () => {
    const pipe = fresh()
    execFileSync('mkfifo', [pipe])
    expect(run(planMissing(pipe, 'file', 'test', 'one'))).toBe(0)
  })
})

describe.runIf(canMount)('mounts in a user namespace', () => {
  const attached = (destination: string, kind: 'directory' | 'file', source: string) => [
    ...planPrivatePropagation(),
    // As after the root switch: destinations are looked up below the working directory.
    calls('test', 'chdir(2)')('chdir', ['/']),
    ...planBind({ name: 'v', source, attributes: ['RDONLY'], why: '' }),
    ...planAttach({ name: 'v', destination, kind }),
  ]
  const write = (path: string) =>
    calls('test', 'open(2)')('openat', [
      { name: 'AT_FDCWD', value: -100 },
      path,
      { name: 'O_CREAT|O_WRONLY', value: 0o101 },
      0o600,
    ])

  it('are where they were put, read-only', () => {
    const [source, target] = [fresh(), fresh()]
    mkdirSync(source)
    writeFileSync(`${source}/in`, '')
    const look = calls('test', 'access(2)')('faccessat', [{ name: 'AT_FDCWD', value: -100 }, `${target}/in`, 0, 0])
    expect(run([...attached(target, 'directory', source), look], inNamespaces)).toBe(0)
    expect(run([...attached(target, 'directory', source), write(`${target}/new`)], inNamespaces)).toBe(125)
    expect(existsSync(`${target}/in`)).toBe(false)
  })

  it('hide a file and a directory, and mind neither that is missing', () => {
    const root = fresh()
    mkdirSync(`${root}/directory/inner`, { recursive: true })
    writeFileSync(`${root}/file`, 'secret')
    const masks = ['file', 'directory', 'none'].flatMap((name, index) => planMask(`${root}/${name}`, index))
    const look = (path: string) =>
      calls('test', 'access(2)')('faccessat', [{ name: 'AT_FDCWD', value: -100 }, path, 0, 0])
    expect(run(masks, inNamespaces)).toBe(0)
    expect(run([look(`${root}/directory/inner`)], inNamespaces)).toBe(0)
    expect(run([...masks, look(`${root}/directory/inner`)], inNamespaces)).toBe(125)
  })

  it('make a path read-only, and do not mind one that is missing', () => {
    const root = fresh()
    mkdirSync(root)
    const list = [...planPrivatePropagation(), ...planReadonly(root, 0), ...planReadonly(`${root}/none`, 1)]
    expect(run([...list], inNamespaces)).toBe(0)
    expect(run([...list, write(`${root}/new`)], inNamespaces)).toBe(125)
  })
})
