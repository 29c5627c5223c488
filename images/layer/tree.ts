/**
 * The directory a layer is unpacked into, and the only way to a path in it. Every component of a path is looked at
 * with lstat(2) before it is passed; a symbolic link on the way is followed by hand with the layer as its root, as the
 * container will see it, so no archive can lead out. Nobody else writes here meanwhile, so what was seen stays true
 * until we replace it ourselves. Paths are relative to the layer and hold one character a byte.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  type BigIntStats,
  type Stats,
} from 'node:fs'
import { refuseEntry } from './refusal.ts'

/** As the kernel's own (path_resolution(7)). */
const LINK_LIMIT = 40
// eslint-disable-next-line no-control-regex -- ASCII is what it means
const ASCII = /^[\x00-\x7f]*$/

export const join = (parent: string, name: string): string => (parent === '' ? name : `${parent}/${name}`)

export const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0))

export class LayerTree {
  readonly #root: string
  readonly #onMake: (path: string) => void
  /** From a path as typed to the real directory it leads to; the fast way for all but the first file in one. */
  readonly #known = new Map<string, string>([['', '']])

  /** @param onMake is told of each directory before it is made because an entry lies in it. */
  constructor(root: string, onMake: (path: string) => void = () => undefined) {
    this.#root = Buffer.from(root, 'utf8').toString('latin1')
    this.#onMake = onMake
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

  statExactly(path: string): BigIntStats | undefined {
    return lstatSync(this.native(path), { throwIfNoEntry: false, bigint: true })
  }

  /** Names in a directory. */
  list(path: string): readonly string[] {
    return readdirSync(this.native(path), { encoding: 'latin1' })
  }

  /** Is the path, without following anything, a directory below directories? */
  isDirectory(path: string): boolean {
    const parts = path === '' ? [] : path.split('/')
    return parts.every((_, at) => {
      const prefix = parts.slice(0, at + 1).join('/')
      return this.#known.get(prefix) === prefix || this.#isRealDirectory(prefix)
    })
  }

  /** The real directory that the path leads to; what is missing is made. @throws Failure `image.entry`. */
  enter(components: readonly string[], shown: string): string {
    return this.#resolve(components, shown, true) ?? ''
  }

  /** The same, or undefined where something is missing. @throws Failure `image.entry`. */
  find(components: readonly string[], shown: string): string | undefined {
    return this.#resolve(components, shown, false)
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

  #resolve(components: readonly string[], shown: string, isMaking: boolean): string | undefined {
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
      const found = this.#known.get(here) === here ? 'directory' : this.#look(here, shown)
      if (found === 'nothing') {
        if (!isMaking) return undefined
        this.#make(here)
      }
      if (typeof found === 'string') {
        at.push(next)
        continue
      }
      if (++links > LINK_LIMIT) refuseEntry(shown, 'goes through more than 40 symbolic links')
      if (found.target.startsWith('/')) at = []
      ahead.unshift(...found.target.split('/'))
    }
    const real = at.join('/')
    this.#known.set(typed, real)
    return real
  }

  #look(path: string, shown: string): 'directory' | 'nothing' | { target: string } {
    const stats = this.stat(path)
    if (stats === undefined) return 'nothing'
    if (stats.isSymbolicLink()) return { target: readlinkSync(this.native(path), 'latin1') }
    if (!stats.isDirectory()) return refuseEntry(shown, 'lies below something that is not a directory')
    this.#known.set(path, path)
    return 'directory'
  }

  /** For entries whose directory the layer does not list. Chown and chmod: setgid above, or the umask, say otherwise. */
  #make(path: string): void {
    this.#onMake(path)
    const native = this.native(path)
    mkdirSync(native, { mode: 0o700 })
    if (process.geteuid?.() === 0) chownSync(native, 0, 0)
    chmodSync(native, 0o755)
    this.#known.set(path, path)
  }
}
