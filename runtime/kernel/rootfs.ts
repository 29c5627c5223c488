/**
 * The root filesystem: overlay of the image's layers and a layer of the container's own, and the switch to it
 * (overlayfs of the kernel's documentation, pivot_root(2), chroot(2)).
 */
import { Failure } from '../errors.ts'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, NULL, flags } from '../init/uapi.ts'

export interface Overlay {
  /** Directory that the lower names are relative to: short names, since mount(2) takes one page of options. */
  layersDir: string
  /** Names below layersDir, the uppermost layer first. */
  lower: readonly string[]
  upper: string
  work: string
  /** Where it is mounted. */
  target: string
}

/** mount(2) copies at most one page of options, the closing NUL among them. */
const OPTIONS_MAX = 4095

const escapeOption = (path: string): string => path.replace(/[\\,:]/g, '\\$&')

export const planOverlay = ({ layersDir, lower, upper, work, target }: Overlay): Call[] => {
  const call = calls('rootfs.overlay', 'mount(8)', 'findmnt -t overlay')
  const options = [
    `lowerdir=${lower.map(escapeOption).join(':')}`,
    `upperdir=${escapeOption(upper)}`,
    `workdir=${escapeOption(work)}`,
    'userxattr',
  ].join(',')
  const length = Buffer.byteLength(options)
  if (length > OPTIONS_MAX)
    throw new Failure(`the image has ${lower.length} layers, and their names do not fit one mount(2)`, {
      id: 'rootfs.overlay',
      why: `the kernel takes ${OPTIONS_MAX} bytes of mount options, these are ${length}`,
      try: 'build the image with fewer layers',
    })
  return [
    call('chdir', [layersDir]),
    call(
      'mount',
      ['overlay', target, 'overlay', 0, options],
      'The layers of the image, read-only, below one layer that takes what the container writes.',
    ),
  ]
}

/** The new root becomes / and the old one is let go: nothing of the host can be reached any more. */
export const planPivotRoot = (target: string): Call[] => {
  const call = calls('rootfs.pivot', 'pivot_root(2)', 'findmnt /')
  return [
    call('chdir', [target], 'Stand in the new root.'),
    call('pivot_root', ['.', '.'], 'Make it the root, with the old root stacked on top of it.'),
    call('umount2', ['.', flags('MNT_DETACH')], 'Let the old root go: no path leads to the host any more.'),
    call('chdir', ['/']),
  ]
}

/** The same where pivot_root(2) is refused: on an initial ramdisk. The host's mounts are only covered, not gone. */
export const planMoveRoot = (target: string): Call[] => {
  const call = calls('rootfs.move', 'chroot(2)', 'findmnt /')
  return [
    call('chdir', [target], 'Stand in the new root.'),
    call('mount', ['.', '/', NULL, flags('MS_MOVE'), NULL], 'Move it over the old root.'),
    call('chroot', ['.'], 'Look names up from here on.'),
    call('chdir', ['/']),
  ]
}

/** --read-only: everything but what is mounted on top. */
export const planReadonlyRoot = (): Call[] => [
  calls('rootfs.readonly', 'mount_setattr(2)', 'findmnt -o OPTIONS /')(
    'mount_setattr',
    [AT_FDCWD, '/', 0, { words: [flags('MOUNT_ATTR_RDONLY'), 0, 0] }, 32],
    'The root filesystem takes no writes; volumes and tmpfs still do.',
  ),
]
