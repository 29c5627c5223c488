/**
 * The root filesystem: overlay of the image's layers and a layer of the container's own, and the switch to it
 * (overlayfs of the kernel's documentation, pivot_root(2), chroot(2)).
 */
import { join, relative } from 'node:path'
import { Failure } from '../errors.ts'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, NULL, flags } from '../init/uapi.ts'
import type { StorageDriver } from '../spec/storage-drivers.ts'
import { mountAttr } from './mounts.ts'

export interface RootTree extends Overlay {
  driver: StorageDriver
  upper: string
  work: string
  /** fuse-overlayfs(1), absolute; of that driver. */
  program?: string | undefined
}

export interface Overlay {
  /** Directory that the lower names are relative to: short names, since mount(2) takes one page of options. */
  layersDir: string
  /** Names below layersDir, the uppermost layer first. */
  lower: readonly string[]
  /** Without the two nothing can be written. */
  upper?: string
  work?: string
  /** Where it is mounted. */
  target: string
  /** A directory of the container's own for still shorter names, made where so many layers need them. */
  links: string
}

/** mount(2) copies at most one page of options, the closing NUL among them. */
const OPTIONS_MAX = 4095
/** OVL_MAX_STACK of fs/overlayfs/params.h. */
const LAYERS_MAX = 500

const escapeOption = (path: string): string => path.replace(/[\\,:]/g, '\\$&')

const call = calls('rootfs.overlay', 'mount(8)', 'grep overlay /proc/self/mountinfo')

const formatOptions = (lower: readonly string[], { upper, work }: Overlay): string =>
  [
    `lowerdir=${lower.map(escapeOption).join(':')}`,
    ...(upper === undefined ? [] : [`upperdir=${escapeOption(upper)}`]),
    ...(work === undefined ? [] : [`workdir=${escapeOption(work)}`]),
    'userxattr',
    // Else a kernel that has it on refuses a layer that another overlay writes to.
    ...(upper === undefined ? ['index=off'] : []),
  ].join(',')

const fits = (options: string): boolean => Buffer.byteLength(options) <= OPTIONS_MAX

/** One link a layer, named by its place; relative, so that a root directory may be moved. fsconfig(2) needs none: its
    `lowerdir+` takes one layer a call, from Linux 6.8 on. */
const planLinks = ({ layersDir, lower, links }: Overlay): Call[] => [
  call('mkdirat', [AT_FDCWD, links, 0o700], '', { tolerate: ['EEXIST'] }),
  call('chdir', [links], 'The names of so many layers do not fit one mount(2): numbers stand for them.'),
  ...lower.map((name, index) =>
    call('symlinkat', [join(relative(links, layersDir), name), AT_FDCWD, index.toString(36)], '', {
      tolerate: ['EEXIST'],
    }),
  ),
]

/** @throws {Failure} `rootfs.overlay` for more layers than the kernel takes */
export const planOverlay = (overlay: Overlay): Call[] => {
  const { layersDir, lower, target } = overlay
  const options = formatOptions(lower, overlay)
  const short = fits(options)
    ? options
    : formatOptions(
        lower.map((_, index) => index.toString(36)),
        overlay,
      )
  if (lower.length > LAYERS_MAX || !fits(short))
    throw new Failure(`an overlay of ${lower.length} layers is more than the kernel takes`, {
      id: 'rootfs.overlay',
      why: `it takes ${LAYERS_MAX} layers and ${OPTIONS_MAX} bytes of mount options; these are ${Buffer.byteLength(short)}`,
      try: lower.length > LAYERS_MAX ? 'build the image with fewer layers' : 'a shorter --root',
    })
  return [
    ...(short === options ? [call('chdir', [layersDir])] : planLinks(overlay)),
    call(
      'mount',
      ['overlay', target, 'overlay', 0, short],
      overlay.upper === undefined
        ? 'All layers as one tree, which takes no writes.'
        : 'The layers of the image, read-only, below one layer that takes what the container writes.',
    ),
  ]
}

/** Where each container has a copy of its own: pivot_root(2) takes a mount only, so the directory becomes one. */
export const planCopiedRoot = ({ upper, target }: Pick<RootTree, 'upper' | 'target'>): Call[] => [
  calls('rootfs.copy', 'mount(2)', "grep ' / ' /proc/self/mountinfo")(
    'mount',
    [upper, target, NULL, flags('MS_BIND'), NULL],
    'The container’s own copy of all layers, as a mount: pivot_root(2) takes nothing else.',
  ),
]

/** The new root becomes / and the old one is let go: nothing of the host can be reached any more. */
export const planPivotRoot = (target: string): Call[] => {
  const call = calls('rootfs.pivot', 'pivot_root(2)', "grep ' / ' /proc/self/mountinfo")
  return [
    call('chdir', [target], 'Stand in the new root.'),
    call('pivot_root', ['.', '.'], 'Make it the root, with the old root stacked on top of it.'),
    call('umount2', ['.', flags('MNT_DETACH')], 'Let the old root go: no path leads to the host any more.'),
    call('chdir', ['/']),
  ]
}

/** The same where pivot_root(2) is refused: on an initial ramdisk. The host's mounts are only covered, not gone. */
export const planMoveRoot = (target: string): Call[] => {
  const call = calls('rootfs.move', 'chroot(2)', "grep ' / ' /proc/self/mountinfo")
  return [
    call('chdir', [target], 'Stand in the new root.'),
    call('mount', ['.', '/', NULL, flags('MS_MOVE'), NULL], 'Move it over the old root.'),
    call('chroot', ['.'], 'Look names up from here on.'),
    call('chdir', ['/']),
  ]
}

/** --read-only: everything but what is mounted on top. */
export const planReadonlyRoot = (): Call[] => [
  calls('rootfs.readonly', 'mount_setattr(2)', "grep ' / ' /proc/self/mountinfo")(
    'mount_setattr',
    [AT_FDCWD, '/', 0, mountAttr(['RDONLY']), 32],
    'The root filesystem takes no writes; volumes and tmpfs still do.',
  ),
]
