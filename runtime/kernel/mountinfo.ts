/** What is mounted where, by the text of /proc/PID/mountinfo (proc(5)). */

export interface MountEntry {
  mountPoint: string
  /** What of the filesystem is visible there: "/" but for a bind mount or a cgroup namespace. */
  root: string
  type: string
  /** Of this mount or of the filesystem behind it: either is enough to refuse a write. */
  isReadonly: boolean
  /** Of this mount: `nosuid`, `noexec`. */
  options: string[]
  /** Of the filesystem behind it: the controllers of a cgroup version 1. */
  filesystemOptions: string[]
}

/** Blanks in paths are octal escapes. */
const unescape = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

export const parseMountinfo = (text: string): MountEntry[] =>
  text.split('\n').flatMap((line) => {
    const [front = '', back = ''] = line.split(' - ')
    const [, , , root = '/', mountPoint, options = ''] = front.split(' ')
    const [type = '', , filesystem = ''] = back.split(' ')
    if (mountPoint === undefined) return []
    const lists = { options: options.split(','), filesystemOptions: filesystem.split(',') }
    const isReadonly = Object.values(lists).some((list) => list.includes('ro'))
    return [{ mountPoint: unescape(mountPoint), root: unescape(root), type, isReadonly, ...lists }]
  })

/** The mount that a path without links lies on: the longest name, and of several at one place the last. */
export const findMount = (mounts: readonly MountEntry[], path: string): MountEntry | undefined =>
  mounts.reduce<MountEntry | undefined>((found, mount) => {
    const { mountPoint } = mount
    const isAbove = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`)
    return isAbove && mountPoint.length >= (found?.mountPoint.length ?? 0) ? mount : found
  }, undefined)
