/**
 * The directory a layer is unpacked into, and the only way to a path in it. Every component of a path is looked at
 * with lstat(2) before it is passed; a symbolic link on the way is followed by hand with the layer as its root, as the
 * container will see it, so no archive can lead out. Nobody else writes here meanwhile, so what was seen stays true
 * until we replace it ourselves. Paths are relative to the layer and hold one character a byte.
 */
import { chmodSync, lstatSync, mkdirSync, readlinkSync, rmSync, unlinkSync, type Stats } from 'node:fs'
import { refuseEntry, type TarEntry } from './entry.ts'

/** As the kernel's own (path_resolution(7)). */
const LINK_LIMIT = 40
// eslint-disable-next-line no-control-regex -- ASCII is what it means
const ASCII = /^[\x00-\x7f]*$/

export class LayerTree {
  readonly #root: string
  /** From a path as typed to the real directory it leads to; the fast way for all but the first file in one. */
  readonly #known = new Map<string, string>([['', '']])

  constructor(root: string) {
    this.#root = Buffer.from(root, 'utf8').toString('latin1')
  }

  /** What system calls take. */
  native(path: string): string | Buffer {
    const full = path === '' ? this.#root : `${this.#root}/${path}`
    return ASCII.test(full) ? full : Buffer.from(full, 'latin1')
  }

  bytes(path: string): Buffer {
    return Buffer.from(path === '' ? this.#root : `${this.#root}/${path}`, 'latin1')
  }

  stat(path: string): Stats | undefined {
    return lstatSync(this.native(path), { throwIfNoEntry: false })
  }

  /** Is the path, without following anything, a directory below directories? */
  isDirectory(path: string): boolean {
    const parts = path === '' ? [] : path.split('/')
    return parts.every((_, at) => {
      const prefix = parts.slice(0, at + 1).join('/')
      return this.#known.get(prefix) === prefix || this.#isRealDirectory(prefix)
    })
  }

  /** The real directory that holds the entry; missing ones are made. @throws Failure `image.entry`. */
  parentOf({ components, shown }: Pick<TarEntry, 'components' | 'shown'>): string {
    return this.#resolve(components.slice(0, -1), shown)
  }

  /** Takes away whatever is at the path. The layer's own root is never removed. */
  remove(path: string): void {
    const stats = path === '' ? undefined : this.stat(path)
    if (stats === undefined) return
    if (stats.isDirectory()) rmSync(this.native(path), { recursive: true })
    else unlinkSync(this.native(path))
    if (!stats.isDirectory() && !stats.isSymbolicLink()) return
    this.#known.clear()
    this.#known.set('', '')
  }

  #isRealDirectory(path: string): boolean {
    const isDirectory = this.stat(path)?.isDirectory() === true
    if (isDirectory) this.#known.set(path, path)
    return isDirectory
  }

  #resolve(components: readonly string[], shown: string): string {
    const typed = components.join('/')
    const known = this.#known.get(typed)
    if (known !== undefined) return known
    const ahead = [...components]
    let at: string[] = []
    let links = 0
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      if (next === '' || next === '.') continue
      if (next === '..') {
        at.pop()
        continue
      }
      const here = [...at, next].join('/')
      const target = this.#known.get(here) === here ? undefined : this.#pass(here, shown)
      if (target === undefined) {
        at.push(next)
        continue
      }
      if (++links > LINK_LIMIT) refuseEntry(shown, 'goes through more than 40 symbolic links')
      if (target.startsWith('/')) at = []
      ahead.unshift(...target.split('/'))
    }
    const real = at.join('/')
    this.#known.set(typed, real)
    return real
  }

  /** The target of a symbolic link, or undefined for a directory, which is made when nothing is there. */
  #pass(path: string, shown: string): string | undefined {
    const stats = this.stat(path)
    if (stats === undefined) this.#make(path)
    else if (stats.isSymbolicLink()) return readlinkSync(this.native(path), 'latin1')
    else if (!stats.isDirectory()) return refuseEntry(shown, 'lies below something that is not a directory')
    this.#known.set(path, path)
    return undefined
  }

  /** For entries whose directory the layer does not list; chmod because the umask would take bits away. */
  #make(path: string): void {
    mkdirSync(this.native(path), { mode: 0o700 })
    chmodSync(this.native(path), 0o755)
  }
}
