/**
 * A container's root as a tar on standard output: a program that mounts the layers as one tree, in a mount namespace of
 * its own, and becomes tar(1). What is mounted on the root of the container is not in it.
 */
import { relative } from 'node:path'
import type { Call } from '../init/call.ts'
import { planOwnMounts } from '../kernel/mounts.ts'
import { planOverlay, type RootTree } from '../kernel/rootfs.ts'
import { planExecute } from './execve.ts'
import { planServeHere } from './fuse.ts'
import { planFatal, planTellPid } from './monitor.ts'

export interface Export {
  root: RootTree
  /** A directory for what goes with the program, with an empty one in it to mount on. */
  scratch: string
  /** Path of GNU tar(1). */
  tar: string
}

export const MOUNT_POINT = 'rootfs'

/** Names as docker's export has them, without ./ before them; the times that every reading changes are left out. */
const TAR_FLAGS = [
  ...['--create', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--numeric-owner', '--sort=name'],
  ...['--xattrs', '--xattrs-include=*', '--xattrs-exclude=user.overlay.*'],
  ...[String.raw`--transform=s,^\./\(.\),\1,S`, '.'],
]

/**
 * The container's own layer as the uppermost of those that only are read: an overlay with it as `upperdir` may be
 * mounted by the container. One of a single directory the kernel does not mount, nor is it needed.
 */
export const planExport = ({ root, scratch, tar }: Export): Call[] => {
  const { driver, layersDir, lower, upper, program } = root
  const target = `${scratch}/${MOUNT_POINT}`
  const isOneTree = driver === 'copy' || lower.length === 0
  const tree = { layersDir, lower: [relative(layersDir, upper), ...lower], target, links: `${scratch}/lower` }
  return [
    ...planTellPid(),
    ...(isOneTree
      ? []
      : driver === 'overlay'
        ? [...planOwnMounts(), ...planOverlay(tree)]
        : planServeHere({ ...tree, program })),
    ...planExecute({ args: [tar, ...TAR_FLAGS], env: ['LC_ALL=C'], cwd: isOneTree ? upper : target }),
    ...planFatal(),
  ]
}
