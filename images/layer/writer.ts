/**
 * Entries of a layer's tar become files. Later entries replace earlier ones, except a directory a directory.
 * Owner before mode: chown(2) clears setuid. Directories get owner, mode and time at the end: a file made in one
 * changes its time, and setgid would pass its group on. Devices and FIFOs become empty files: a user namespace may not
 * make devices, and a container gets its own /dev.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { LayerTree } from './tree.ts'
import { createOwners, type Owners } from './owners.ts'
import { readEntry, refuseEntry, splitPath, type TarEntry, type TarHeader } from './entry.ts'
import type { TarSink } from './tar-reader.ts'
import { classifyName, type Mark } from './whiteout.ts'

const ENTRY_LIMIT = 4_000_000
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const nothing = (): void => undefined

export class LayerWriter implements TarSink {
  readonly #tree: LayerTree
  readonly #owners: Owners
  readonly #directories = new Map<string, TarEntry>()
  /** Paths as they would be without whiteouts; what lies there at the end decides what the mark is. */
  readonly #hidden = new Set<string>()
  readonly #opaque = new Set<string>()
  #file: { readonly descriptor: number; readonly entry: TarEntry } | undefined
  entries = 0
  placeholders = 0

  constructor(directory: string, idLimit: number | undefined) {
    this.#tree = new LayerTree(directory)
    this.#owners = createOwners(idLimit)
    chmodSync(directory, 0o755)
  }

  get squashed(): number {
    return this.#owners.squashed
  }

  begin(header: TarHeader): (chunk: Uint8Array) => void {
    const entry = readEntry(header)
    if (++this.entries > ENTRY_LIMIT) refuseEntry(entry.shown, `is one too many: a layer has at most ${ENTRY_LIMIT}`)
    try {
      return this.#place(entry)
    } catch (error) {
      throw explain(error, entry)
    }
  }

  end(): void {
    if (this.#file === undefined) return
    const { descriptor, entry } = this.#file
    try {
      if (this.#owners.mustChange(entry)) fchownSync(descriptor, ...this.#owners.of(entry))
      fchmodSync(descriptor, entry.mode)
      futimesSync(descriptor, entry.mtime, entry.mtime)
    } catch (error) {
      throw explain(error, entry)
    } finally {
      this.close()
    }
  }

  /** Of a file that a failure left open. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor)
    this.#file = undefined
  }

  /** The marks to make before `finish`, which sets the times of their directories. */
  marks(): readonly Mark[] {
    const marks: Mark[] = []
    for (const path of this.#hidden) {
      const slash = path.lastIndexOf('/')
      if (!this.#tree.isDirectory(path.slice(0, Math.max(slash, 0)))) continue
      const stats = this.#tree.stat(path)
      // A whiteout beside a directory of the same name: the layer replaces the directory as a whole.
      if (stats === undefined) marks.push({ path: this.#tree.bytes(path), kind: 'whiteout' })
      else if (stats.isDirectory()) this.#opaque.add(path)
    }
    for (const path of this.#opaque) {
      if (this.#tree.isDirectory(path)) marks.push({ path: this.#tree.bytes(path), kind: 'opaque' })
    }
    return marks
  }

  finish(): void {
    for (const [path, entry] of this.#directories) {
      if (!this.#tree.isDirectory(path)) continue
      try {
        const native = this.#tree.native(path)
        if (this.#owners.mustChange(entry)) chownSync(native, ...this.#owners.of(entry))
        chmodSync(native, entry.mode)
        lutimesSync(native, entry.mtime, entry.mtime)
      } catch (error) {
        throw explain(error, entry)
      }
    }
  }

  #place(entry: TarEntry): (chunk: Uint8Array) => void {
    const name = entry.components.at(-1)
    if (name === undefined) {
      if (entry.type !== 'directory') return refuseEntry(entry.shown, 'replaces the root of the layer')
      this.#directories.set('', entry)
      return nothing
    }
    const parent = this.#tree.parentOf(entry)
    const meaning = classifyName(name)
    switch (meaning.kind) {
      case 'plain':
        return this.#make(join(parent, name), entry)
      case 'whiteout':
        this.#hidden.add(join(parent, meaning.hidden))
        return nothing
      case 'opaque':
        // The kernel does not look for the mark on the root of a layer, so it would silently mean nothing.
        if (parent === '') refuseEntry(entry.shown, 'hides all layers below, which overlayfs cannot do')
        this.#opaque.add(parent)
        return nothing
      case 'metadata':
        return nothing
      case 'invalid':
        return refuseEntry(entry.shown, 'is a whiteout of nothing, of its own directory or of the one above')
    }
  }

  #make(path: string, entry: TarEntry): (chunk: Uint8Array) => void {
    const native = this.#tree.native(path)
    switch (entry.type) {
      case 'directory':
        this.#makeDirectory(path)
        this.#directories.set(path, entry)
        return nothing
      case 'symlink': {
        if (entry.linkname === '') refuseEntry(entry.shown, 'is a symbolic link to nothing')
        this.#replace(path, () => symlinkSync(Buffer.from(entry.linkname, 'latin1'), native))
        if (this.#owners.mustChange(entry)) lchownSync(native, ...this.#owners.of(entry))
        lutimesSync(native, entry.mtime, entry.mtime)
        return nothing
      }
      case 'link':
        this.#makeLink(path, entry)
        return nothing
      case 'device':
      case 'fifo':
        this.placeholders++
        this.#open(path, entry)
        return nothing
      case 'file': {
        const descriptor = this.#open(path, entry)
        return (chunk) => {
          for (let at = 0; at < chunk.length;) at += this.#write(descriptor, chunk, at)
        }
      }
    }
  }

  #write(descriptor: number, chunk: Uint8Array, at: number): number {
    try {
      return writeSync(descriptor, chunk, at)
    } catch (error) {
      throw this.#file === undefined ? error : explain(error, this.#file.entry)
    }
  }

  #open(path: string, entry: TarEntry): number {
    const descriptor = this.#replace(path, () => openSync(this.#tree.native(path), NEW_FILE, 0o600))
    this.#file = { descriptor, entry }
    return descriptor
  }

  /** EEXIST is no proof of a directory: an earlier entry may have put a symbolic link there. */
  #makeDirectory(path: string): void {
    const stats = this.#tree.stat(path)
    if (stats?.isDirectory() === true) return
    if (stats !== undefined) this.#tree.remove(path)
    mkdirSync(this.#tree.native(path), { mode: 0o700 })
  }

  /** link(2) does not follow its last component, so a link to a symbolic link is one more name of that. */
  #makeLink(path: string, entry: TarEntry): void {
    const components = splitPath(entry.linkname, entry.shown)
    const name = components.at(-1) ?? refuseEntry(entry.shown, 'is a hard link to the root of the layer')
    const target = join(this.#tree.parentOf({ components, shown: entry.shown }), name)
    const stats = this.#tree.stat(target)
    if (stats === undefined)
      refuseEntry(entry.shown, `is a hard link to ${JSON.stringify(target)}, which is not in the layer`)
    if (stats?.isDirectory() === true) refuseEntry(entry.shown, 'is a hard link to a directory')
    if (target !== path) this.#replace(path, () => linkSync(this.#tree.native(target), this.#tree.native(path)))
  }

  /** Tries first and looks afterwards: almost nothing in a layer is there twice. */
  #replace<T>(path: string, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      this.#tree.remove(path)
      return make()
    }
  }
}

const join = (parent: string, name: string): string => (parent === '' ? name : `${parent}/${name}`)

const explain = (error: unknown, { shown, uid, gid }: TarEntry): unknown => {
  const code = errnoOf(error)
  if (code === undefined || error instanceof Failure) return error
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : 'write'
  const why = call.includes('chown') ? `it belongs to ${uid}:${gid}, which the id map may not have` : undefined
  return new Failure(`layer entry ${shown}: ${call}: ${code}`, { id: 'image.unpack', why })
}
