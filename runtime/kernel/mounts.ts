/**
 * Mounts of a container (mount_namespaces(7), fsopen(2), open_tree(2)). What comes from the host is opened before the
 * root switch, as a descriptor of a detached mount; it is attached after it, so that the destination is looked up inside
 * the new root and an image's symbolic link cannot point a mount at the host.
 */
import { calls, type Call, type Operand } from '../init/call.ts'
import { AT_FDCWD, NULL, flags, mode, openHow, type Constant } from '../init/uapi.ts'
import { planUnshare } from './namespaces.ts'

export type MountAttribute = 'RDONLY' | 'NOSUID' | 'NODEV' | 'NOEXEC'

/** struct mount_attr of 32 bytes: attr_set, attr_clr, propagation, userns_fd. */
export const mountAttr = (attributes: readonly MountAttribute[]): Operand => {
  const set = attributeFlags(attributes)
  return { words: [set, 0, 0], shown: `{attr_set=${set.name}, attr_clr=0, propagation=0, userns_fd=0}` }
}

const attributeFlags = (attributes: readonly MountAttribute[]): { name: string; value: number } =>
  attributes.length === 0 ? { name: '0', value: 0 } : flags(...attributes.map((name): Constant => `MOUNT_ATTR_${name}`))

/** Mounts made here stay here, and what the host mounts later does not appear. */
export const planPrivatePropagation = (): Call[] => [
  calls('mounts.private', 'mount_namespaces(7)', 'cat /proc/self/mountinfo')(
    'mount',
    [NULL, '/', NULL, flags('MS_REC', 'MS_PRIVATE'), NULL],
    'A new mount namespace still shares events with its parent; from here on mounts stay inside.',
  ),
]

/** A mount namespace of its own, for a program that mounts something to look at it. */
export const planOwnMounts = (): Call[] => [...planUnshare(['mnt']), ...planPrivatePropagation()]

export interface Filesystem {
  /** Name of the memory that keeps its descriptor. */
  name: string
  type: 'proc' | 'sysfs' | 'tmpfs' | 'devpts' | 'mqueue' | 'cgroup2'
  /** key=value, as the filesystem's fsconfig(2) knows them. */
  options?: readonly string[]
  attributes: readonly MountAttribute[]
  why: string
  /** Step id; `mounts.NAME` unless told. */
  id?: string
}

const MAN = {
  proc: 'proc(5)',
  sysfs: 'sysfs(5)',
  tmpfs: 'tmpfs(5)',
  devpts: 'pts(4)',
  mqueue: 'mq_overview(7)',
} as const

/** A new filesystem, not yet attached anywhere. */
export const planFilesystem = ({
  name,
  type,
  options = [],
  attributes,
  why,
  id = `mounts.${name}`,
}: Filesystem): Call[] => {
  const context = `${name}.context`
  const call = calls(id, type === 'cgroup2' ? 'cgroups(7)' : MAN[type])
  return [
    call('fsopen', [type, flags('FSOPEN_CLOEXEC')], why, { result: { at: context } }),
    call('fsconfig', [{ load: context }, flags('FSCONFIG_SET_STRING'), 'source', type, 0]),
    ...options.map((option) => {
      const [key = '', value = ''] = option.split('=')
      return call('fsconfig', [{ load: context }, flags('FSCONFIG_SET_STRING'), key, value, 0])
    }),
    call('fsconfig', [{ load: context }, flags('FSCONFIG_CMD_CREATE'), NULL, NULL, 0]),
    call('fsmount', [{ load: context }, flags('FSMOUNT_CLOEXEC'), attributeFlags(attributes)], '', {
      result: { at: name },
    }),
    call('close', [{ load: context }]),
  ]
}

export interface Bind {
  name: string
  source: string
  attributes: readonly MountAttribute[]
  why: string
  /** Step id; `mounts.NAME` unless told. */
  id?: string
}

/** A copy of part of the host's tree, with what is mounted below it: without that the kernel refuses (EINVAL). */
export const planBind = ({ name, source, attributes, why, id = `mounts.${name}` }: Bind): Call[] => {
  const call = calls(id, 'open_tree(2)')
  return [
    call('open_tree', [AT_FDCWD, source, flags('OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_RECURSIVE')], why, {
      result: { at: name },
    }),
    ...(attributes.length === 0
      ? []
      : [
          call('mount_setattr', [
            { load: name },
            '',
            flags('AT_EMPTY_PATH', 'AT_RECURSIVE'),
            mountAttr(attributes),
            32,
          ]),
        ]),
  ]
}

export interface Attachment {
  name: string
  destination: string
  /** What stands at the destination if nothing does yet. */
  kind: 'directory' | 'file'
  /** Refuse symbolic links on the way, as runc does for /proc, /sys and what is below them. */
  strict?: boolean
  id?: string
}

/** Inside the new root: makes the destination if it is missing, and puts the mount there. */
export const planAttach = ({ name, destination, kind, strict = false, id = `mounts.${name}` }: Attachment): Call[] => {
  const call = calls(id, 'mount(2)', `grep ' ${destination} ' /proc/self/mountinfo`)
  const target = `${name}.target`
  const how = strict
    ? flags('RESOLVE_IN_ROOT', 'RESOLVE_NO_SYMLINKS')
    : flags('RESOLVE_IN_ROOT', 'RESOLVE_NO_MAGICLINKS')
  return [
    ...planMissing(destination, kind, id, name),
    call('openat2', [AT_FDCWD, destination, openHow(flags('O_PATH', 'O_CLOEXEC'), how), 24], '', {
      result: { at: target },
    }),
    call(
      'move_mount',
      [{ load: name }, '', { load: target }, '', flags('MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH')],
      `Attach it at ${destination} of the new root.`,
    ),
    call('close', [{ load: target }]),
    call('close', [{ load: name }]),
  ]
}

/** The directories on the way, and the last part, where they do not exist. */
export const planMissing = (path: string, kind: 'directory' | 'file', id: string, name: string): Call[] => {
  const call = calls(id, 'mkdir(2)')
  const parts = path.split('/').filter((part) => part !== '')
  const directories = kind === 'directory' ? parts.length : parts.length - 1
  const made = parts.slice(0, directories).map((_, index) =>
    call('mkdirat', [AT_FDCWD, `/${parts.slice(0, index + 1).join('/')}`, mode(0o755)], '', {
      tolerate: ['EEXIST', 'EROFS'],
    }),
  )
  if (kind === 'directory') return made
  const empty = `${name}.created`
  return [
    ...made,
    // O_NONBLOCK: a named pipe at this place would be waited for.
    // Follows a dangling link and makes what it points to: /etc/resolv.conf is often one.
    call('openat', [AT_FDCWD, path, flags('O_CREAT', 'O_CLOEXEC', 'O_NOCTTY', 'O_NONBLOCK'), mode(0o644)], '', {
      result: { at: empty },
      tolerate: ['EACCES', 'EROFS', 'ENXIO'],
      onError: `${name}.exists`,
    }),
    call('close', [{ load: empty }]),
    { ...call('jump', []), label: `${name}.exists` },
  ]
}

/** Covers a path with nothing: a file with /dev/null, a directory with an empty read-only tmpfs. */
export const planMask = (path: string, index: number): Call[] => {
  const call = calls('mounts.masked', 'proc(5)', `ls -ld ${path}`)
  const next = `masked.${index}.next`
  const name = `masked.${index}`
  return [
    call('open_tree', [AT_FDCWD, '/dev/null', flags('OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC')], `Hide ${path}.`, {
      result: { at: name },
    }),
    call('move_mount', [{ load: name }, '', AT_FDCWD, path, flags('MOVE_MOUNT_F_EMPTY_PATH')], '', {
      tolerate: ['ENOENT', 'ENOTDIR', 'EINVAL'],
      onError: `masked.${index}.directory`,
    }),
    { ...call('jump', []), onZero: next },
    call(
      'mount',
      ['tmpfs', path, 'tmpfs', flags('MS_RDONLY', 'MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'), 'size=0k,nr_inodes=1'],
      '',
      {
        // Not ENOTDIR: a file that could not be covered above must not stay visible.
        tolerate: ['ENOENT'],
        label: `masked.${index}.directory`,
      },
    ),
    { ...call('close', [{ load: name }]), label: next },
  ]
}

/** Makes a path that exists read-only, with what is mounted below it. */
export const planReadonly = (path: string, index: number): Call[] => {
  const call = calls('mounts.readonly', 'proc(5)', `grep ' ${path} ' /proc/self/mountinfo`)
  const name = `readonly.${index}`
  const next = `readonly.${index}.next`
  return [
    call(
      'open_tree',
      [AT_FDCWD, path, flags('OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_RECURSIVE')],
      `Make ${path} read-only: it changes the kernel, not the container.`,
      { result: { at: name }, tolerate: ['ENOENT'], onError: next },
    ),
    call('mount_setattr', [{ load: name }, '', flags('AT_EMPTY_PATH', 'AT_RECURSIVE'), mountAttr(['RDONLY']), 32]),
    call('move_mount', [{ load: name }, '', AT_FDCWD, path, flags('MOVE_MOUNT_F_EMPTY_PATH')]),
    call('close', [{ load: name }]),
    { ...call('jump', []), label: next },
  ]
}
