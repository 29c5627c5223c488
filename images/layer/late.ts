/**
 * What has to wait until all entries are there, because Node cannot do it and a list of system calls does it for the
 * whole layer at once: named pipes, extended attributes, times with nanoseconds or before 1970. It belongs to a file,
 * not to a name: names come and go meanwhile, and a hard link is one more.
 */
import type { Mark } from '../../runtime/kernel/layer-marks.ts'
import type { TarEntry } from './entry.ts'
import { parentOf, type LayerTree } from './tree.ts'

interface Late {
  readonly inode: number
  readonly entry: TarEntry
  readonly owner: readonly [uid: number, gid: number]
}

/** Doubles have no room for nanoseconds, and Node takes a negative time for "now". */
export const isExactForNode = ({ mtime: { seconds, nanoseconds } }: TarEntry): boolean =>
  seconds >= 0 && nanoseconds === 0

/** The kernel keeps user.* on files and directories only (xattr(7)). */
const isKept = (entry: TarEntry, name: string): boolean =>
  entry.type === 'file' || entry.type === 'directory' || !name.startsWith('user.')

const isOptional = (name: string): boolean => !name.startsWith('user.') && name !== 'security.capability'

export class LateMarks {
  readonly #tree: LayerTree
  readonly #names = new Map<string, Late>()

  constructor(tree: LayerTree) {
    this.#tree = tree
  }

  /** Once the entry is at the path. */
  add(path: string, entry: TarEntry, owner: Late['owner']): void {
    const isLate = entry.type === 'fifo' || entry.xattrs.length > 0 || !isExactForNode(entry)
    const stats = isLate ? this.#tree.stat(path) : undefined
    if (stats !== undefined) this.#names.set(path, { inode: stats.ino, entry, owner })
  }

  addName(target: string, path: string): void {
    const late = this.#names.get(target)
    if (late !== undefined) this.#names.set(path, late)
  }

  /** Something else comes to the path. */
  forget(path: string): void {
    this.#names.delete(path)
  }

  marks(): readonly Mark[] {
    return [...this.#files()].flatMap(([{ entry, owner }, [first = Buffer.alloc(0), ...others]]): Mark[] => {
      const [uid, gid] = owner
      const pipe: Mark[] =
        entry.type === 'fifo'
          ? [
              { path: first, kind: 'fifo', mode: entry.mode, uid, gid },
              ...others.map((path): Mark => ({ path, kind: 'link', target: first })),
            ]
          : []
      const xattrs = entry.xattrs.flatMap(({ name, value }): Mark[] =>
        isKept(entry, name)
          ? [{ path: first, kind: 'xattr', name: Buffer.from(name, 'latin1'), value, isOptional: isOptional(name) }]
          : [],
      )
      return [...pipe, ...xattrs]
    })
  }

  /** The last of all: whatever is made in a directory changes its time. */
  times(): readonly Mark[] {
    return [...this.#files()].flatMap(([{ entry }, [path = Buffer.alloc(0)]]): Mark[] =>
      entry.type === 'fifo' || !isExactForNode(entry) ? [{ path, kind: 'time', ...entry.mtime }] : [],
    )
  }

  /** The names that each still has. A pipe that was made has another inode, but the same names. */
  #files(): Map<Late, Buffer[]> {
    const files = new Map<Late, Buffer[]>()
    for (const [path, late] of this.#names) {
      if (!this.#tree.isDirectory(parentOf(path))) continue
      const stats = this.#tree.stat(path)
      if (stats === undefined || (stats.ino !== late.inode && !stats.isFIFO())) continue
      const names = files.get(late)
      if (names === undefined) files.set(late, [this.#tree.bytes(path)])
      else names.push(this.#tree.bytes(path))
    }
    return files
  }
}
