/** The root directory: whether it can be ours, and whether its filesystem can do what images and containers need. */
import { writeFileSync } from 'node:fs'
import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { errnoOf, isFailure } from '../../errors.ts'
import { findMount, parseMountinfo, type MountEntry } from '../../kernel/mountinfo.ts'
import { assertOurs } from '../../rootless/prepare-root.ts'
import type { Ended } from '../../rootless/run-program.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { AS_INNER_ROOT, attempt, describeEnd, inScratch, nearestDirectory, readText, type Host } from './host.ts'
import { readMap } from './idmap.ts'
import { FUSE } from './fuse.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

const ELSEWHERE = 'export GLASSPOD_ROOT=DIR  # a directory of yours on a local disk; or glasspod --root DIR'
const EXECUTABLE = 'sudo mount -o remount,exec MOUNT  # or another directory: export GLASSPOD_ROOT=DIR'

interface Directory {
  root: string
  exists: boolean
  problem: string | undefined
}

export const DIRECTORY = defineProbe<Directory>({
  id: 'root.directory',
  group: 'root directory',
  severity: 'blocker',
  title: 'the root directory is ours, or can be made',
  why: 'Images, containers and the state of the agent are kept there; a directory of others, or with other things, is refused.',
  advice: ELSEWHERE,
  see: 'docs/architecture.md',
  read({ root }) {
    const exists = existsSync(root)
    const directory = nearestDirectory(root)
    try {
      accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
      if (exists) assertOurs(root)
      return { root, exists, problem: undefined }
    } catch (error) {
      if (!isFailure(error)) return { root, exists, problem: `${directory}: ${errnoOf(error) ?? String(error)}` }
      const { found } = error.facts
      return { root, exists, problem: found === undefined ? error.message : `${error.message}: ${found}` }
    }
  },
  judge: ({ root, exists, problem }) =>
    problem === undefined ? fine(exists ? root : `${root} can be made`) : bad(problem),
})

/** The filesystem below a directory, for sentences: `nfs4 at /home`. */
interface OnMount {
  type: string
  point: string
  options: readonly string[]
}

const readMount = (path: string): OnMount => {
  const mounts = parseMountinfo(readText('/proc/self/mountinfo') ?? '')
  const { type, mountPoint, options }: Partial<MountEntry> = findMount(mounts, path) ?? {}
  return { type: type ?? 'unknown', point: mountPoint ?? '/', options: options ?? [] }
}

const NETWORK_TYPES = /^(nfs|cifs|smb|9p|ceph|fuse\.sshfs|fuse\.glusterfs|lustre|gpfs|afs)/

interface Tried {
  mount: OnMount
  ended: Ended
}

const tryThere = (host: Host, argvFor: (directory: string) => Promise<readonly string[]> | readonly string[]) =>
  inScratch(host, async (directory): Promise<Tried> => {
    const ended = await attempt(await argvFor(directory), host)
    return { mount: readMount(nearestDirectory(host.root)), ended }
  })

export const OWNERS = defineProbe<Tried & { mappedIds: number }>({
  id: 'root.owners',
  group: 'root directory',
  severity: 'blocker',
  title: 'files there can belong to other ids',
  why:
    'Layers are unpacked with the owners that the image gives them, ids of the range. A file server (NFS) decides by ' +
    'itself who may own a file, and knows nothing of user namespaces.',
  advice: ELSEWHERE,
  see: 'chown(2), user_namespaces(7)',
  needs: ['root.directory', 'ids.map'],
  read: async (host) => {
    const { arguments: map, mappedIds } = readMap(host)
    const script = 'touch "$1/f" && chown 1:1 "$1/f"; code=$?; rm -f "$1/f"; exit $code'
    const tried = await tryThere(host, (directory) => ['unshare', ...map, 'sh', '-c', script, 'sh', directory])
    return { ...tried, mappedIds }
  },
  judge({ ended, mount: { type, point }, mappedIds }) {
    if (mappedIds === 1) return unasked('there is no range of ids')
    return ended.code === 0 ? fine(`${type} at ${point}`) : bad(`${type} at ${point}: ${describeEnd(ended)}`)
  },
})

export const EXECUTION = defineProbe<Tried>({
  id: 'root.noexec',
  group: 'root directory',
  severity: 'blocker',
  title: 'programs there can be executed',
  why: 'The program that makes a container lies beside it for a moment, and a mount with noexec executes nothing.',
  advice: EXECUTABLE,
  see: 'mount(8)',
  needs: ['root.directory'],
  read: (host) =>
    tryThere(host, (directory) => {
      const file = `${directory}/true`
      writeFileSync(file, '#!/bin/sh\nexit 0\n', { mode: 0o700 })
      return [file]
    }),
  judge({ ended, mount: { point, options } }) {
    if (ended.code === 0) return fine(options.includes('nodev') ? `${point}; its nodev is no hindrance` : point)
    return options.includes('noexec')
      ? bad(`${point} is mounted noexec`, { try: EXECUTABLE.replace('MOUNT', () => quoteWord(point)) })
      : bad(`a script in it: ${describeEnd(ended)}`)
  },
})

/** A deleted file becomes a device, a directory made anew an attribute: both must be possible in the upper layer. */
const OVERLAY = `
cd "$1" && mkdir -p lower/d upper work merged && echo 1 > lower/f &&
mount -t overlay overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work merged &&
rm merged/f && test -c upper/f && rm -r merged/d && mkdir merged/d && umount merged
code=$?
rm -rf upper work
exit $code`

/** Without it containers run all the same: docs/images.md#storage-drivers. */
export const OVERLAY_MOUNT = defineProbe<Tried & { instead: string }>({
  id: 'rootfs.overlay',
  group: 'root directory',
  severity: 'warning',
  title: 'overlay can be mounted there in a user namespace',
  why:
    'overlay in a user namespace needs Linux 5.11, the overlay module, and a filesystem that can hold its upper layer: ' +
    'ext4, xfs, btrfs, tmpfs; not NFS, not another overlay; without it fuse-overlayfs takes its place, which is slower, ' +
    'or each container gets a copy of its layers',
  advice: 'sudo modprobe overlay  # or put --root on ext4, xfs, btrfs or tmpfs',
  see: 'https://docs.kernel.org/filesystems/overlayfs.html',
  needs: ['root.directory', 'userns.capabilities'],
  read: async (host) => {
    const argv = [...AS_INNER_ROOT, '--mount', 'sh', '-c', OVERLAY, 'sh']
    const tried = await tryThere(host, (directory) => [...argv, directory])
    const hasFuse = FUSE.judge(await FUSE.read(host)).is === 'fine'
    return { ...tried, instead: hasFuse ? 'fuse-overlayfs takes its place' : 'each container copies its layers' }
  },
  judge({ ended, mount: { type, point }, instead }) {
    if (ended.code === 0) return fine(`on ${type} at ${point}`)
    const found = `on ${type} at ${point}: ${describeEnd(ended)}`
    return NETWORK_TYPES.test(type) || type === 'overlay'
      ? bad(`${found}; ${type} cannot hold an upper layer; ${instead}`, { try: ELSEWHERE })
      : bad(`${found}; ${instead}`)
  },
})

interface Space {
  point: string
  freeBytes: number
  /** Undefined where the filesystem does not count them (btrfs). */
  freeFiles: number | undefined
}

const MIB = 1024 * 1024
const LITTLE = 1024 * MIB
const NOTHING = 64 * MIB
const FEW_FILES = 20_000

export const SPACE = defineProbe<Space>({
  id: 'root.space',
  group: 'root directory',
  severity: 'warning',
  title: 'there is room for images',
  why: 'Images are kept as archives and as unpacked layers; a small distribution takes 200 MB and 5,000 files.',
  advice: 'glasspod image prune --all; df -h ROOT; df -i ROOT  # it removes every image that no container has',
  see: 'df(1)',
  read({ root }) {
    const directory = nearestDirectory(root)
    const { bavail, bsize, ffree, files } = statfsSync(directory)
    const freeFiles = files === 0 ? undefined : ffree
    return { point: readMount(directory).point, freeBytes: bavail * bsize, freeFiles }
  },
  judge({ point, freeBytes, freeFiles }) {
    const megabytes = `${Math.floor(freeBytes / 1e6)} MB are free at ${point}`
    if (freeBytes < NOTHING) return bad(megabytes, { severity: 'blocker' })
    if (freeBytes < LITTLE) return bad(megabytes)
    if (freeFiles !== undefined && freeFiles < FEW_FILES)
      return bad(`${megabytes}, but only ${freeFiles} inodes: no more files can be made than that`)
    return fine(megabytes)
  },
})

export const ROOT_PROBES: readonly Probe[] = [DIRECTORY, OVERLAY_MOUNT, OWNERS, EXECUTION, SPACE]
