/**
 * The root filesystem where the kernel mounts no overlay for this user: fuse-overlayfs(1) shows the same layers as one
 * tree, and the kernel asks it by /dev/fuse (fuse(4)). The program makes the mount itself and gives its daemon nothing
 * but the descriptor (a mount point /dev/fd/N, libfuse 3.3), so the daemon needs no fusermount(1) and is in no mount
 * namespace of the container. It ends by itself when the last process that sees the mount is gone: no process, no mount
 * can be left, whoever is killed.
 */
import { relative } from 'node:path'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, LAST_FD, NULL, flags } from '../init/uapi.ts'
import { planOwnMounts } from '../kernel/mounts.ts'
import type { Overlay, RootTree } from '../kernel/rootfs.ts'
import { STATUS_FD } from './monitor.ts'

export const FUSE_OVERLAYFS = 'fuse-overlayfs'

/** Where the program keeps /dev/fuse, above all that a monitor closes: fsconfig(2) wants the number as text. */
const DEVICE_FD = 104
/** Where the daemon finds it; the status descriptor is below it, and tells why a daemon could not be executed. */
const SERVED_FD = STATUS_FD + 1
/** Seconds. What was written and is still in memory takes this long at most to reach the upper directory. */
const SETTLE = 10

const call = calls('rootfs.fuse', 'fuse-overlayfs(1)', "grep ' / ' /proc/self/mountinfo")

/** Below /, names are given from the layers on: fuse-overlayfs takes no colon in one, and a root directory may have some. */
const formatOptions = ({ layersDir, lower, upper, work }: Overlay): string =>
  [
    `lowerdir=${lower.join(':')}`,
    ...(upper === undefined ? [] : [`upperdir=${relative(layersDir, upper)}`]),
    ...(work === undefined ? [] : [`workdir=${relative(layersDir, work)}`]),
  ].join(',')

type Served = Overlay & Pick<RootTree, 'program'>

const CONTEXT = 'rootfs.context'
const set = (key: string, value: string): Call =>
  call('fsconfig', [{ load: CONTEXT }, flags('FSCONFIG_SET_STRING'), key, value, 0])
const allow = (key: string): Call => call('fsconfig', [{ load: CONTEXT }, flags('FSCONFIG_SET_FLAG'), key, NULL, 0])

/** Before the program clones who is to see it. */
export const planServeFuse = ({ program = FUSE_OVERLAYFS, ...overlay }: Served): Call[] => [
  call(
    'openat',
    [AT_FDCWD, '/dev/fuse', flags('O_RDWR', 'O_CLOEXEC'), 0],
    'The kernel puts its questions about the tree here, and a daemon answers them.',
    { result: { at: 'rootfs.device' } },
  ),
  call('dup3', [{ load: 'rootfs.device' }, DEVICE_FD, flags('O_CLOEXEC')]),
  call('close', [{ load: 'rootfs.device' }]),
  call('fsopen', ['fuse', flags('FSOPEN_CLOEXEC')], '', { result: { at: CONTEXT } }),
  set('source', FUSE_OVERLAYFS),
  set('subtype', FUSE_OVERLAYFS),
  set('fd', `${DEVICE_FD}`),
  set('rootmode', '40000'),
  set('user_id', '0'),
  set('group_id', '0'),
  // the kernel judges modes and owners, and every user of the container may come
  allow('default_permissions'),
  allow('allow_other'),
  call('fsconfig', [{ load: CONTEXT }, flags('FSCONFIG_CMD_CREATE'), NULL, NULL, 0]),
  call('fsmount', [{ load: CONTEXT }, flags('FSMOUNT_CLOEXEC'), 0], '', { result: { at: 'rootfs.mount' } }),
  call('close', [{ load: CONTEXT }]),
  call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], '', { result: { at: 'rootfs.daemon' }, onZero: 'fuse.daemon' }),
  { ...call('jump', []), onZero: 'fuse.parent' },
  ...planDaemon(overlay, program),
  call('close', [DEVICE_FD], 'Let go of the device: if the daemon ends, whoever asks learns of it at once.', {
    label: 'fuse.parent',
  }),
]

const planDaemon = (overlay: Overlay, program: string): Call[] => [
  call('dup3', [DEVICE_FD, SERVED_FD, 0], 'The daemon: it holds the layers and the device, and nothing else of ours.', {
    label: 'fuse.daemon',
  }),
  // the mount too: it would keep itself alive
  call('close_range', [SERVED_FD + 1, LAST_FD, 0]),
  call('close_range', [STATUS_FD, STATUS_FD, flags('CLOSE_RANGE_CLOEXEC')]),
  call('chdir', [overlay.layersDir]),
  call('execve', [
    program,
    { words: [FUSE_OVERLAYFS, '-f', '-o', formatOptions(overlay), `/dev/fd/${SERVED_FD}`] },
    { words: [] },
  ]),
]

/** In the mount namespace that is to have it. */
export const planFuseRoot = ({ target }: Overlay): Call[] => [
  call(
    'move_mount',
    [{ load: 'rootfs.mount' }, '', AT_FDCWD, target, flags('MOVE_MOUNT_F_EMPTY_PATH')],
    'The layers of the image, read-only, below one layer that takes what the container writes.',
  ),
  call('close', [{ load: 'rootfs.mount' }]),
  // the first question: where there is no daemon any more, it fails here
  call('chdir', [target]),
]

/** For one program, which mounts it for itself: the daemon is cloned before, and so is in another mount namespace. */
export const planServeHere = (tree: Served): Call[] => [
  ...planServeFuse(tree),
  ...planOwnMounts(),
  ...planFuseRoot(tree),
]

/**
 * For who waits for the container: until all that it wrote is in the upper directory, which is when the daemon ends.
 * Whoever else still looks at the tree keeps it, so there is a bound.
 */
export const planAwaitFuse = (): Call[] => {
  const call = calls('rootfs.fuse', 'pidfd_open(2)')
  const wanted = { words: [BigInt(DEVICE_FD) | (1n << 32n)], shown: `[{fd=${DEVICE_FD}, events=POLLIN}]` }
  const bound = { words: [SETTLE, 0], shown: `{tv_sec=${SETTLE}, tv_nsec=0}` }
  return [
    call(
      'pidfd_open',
      [{ load: 'rootfs.daemon' }, 0],
      'The daemon ends when nobody sees the tree any more: then all that was written is in the upper directory.',
      { result: { at: 'rootfs.gone' }, tolerate: 'any' },
    ),
    call('dup3', [{ load: 'rootfs.gone' }, DEVICE_FD, flags('O_CLOEXEC')], '', { tolerate: 'any' }),
    call('ppoll', [wanted, 1, bound, NULL, 8], '', { tolerate: 'any' }),
    call('wait4', [{ load: 'rootfs.daemon' }, NULL, flags('WNOHANG'), NULL], '', { tolerate: 'any' }),
  ]
}
