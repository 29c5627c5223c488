/**
 * Entries of a layer's tar become files. Later entries replace earlier ones, except a directory a directory.
 * Owner before mode: chown(2) clears setuid. Directories get owner, mode and time at the end: a file made in one
 * changes its time, and setgid would pass its group on. Devices become empty files: a user namespace may not make
 * them, and a container gets its own /dev. What Node cannot do is left as marks (late.ts).
 */
import {
  chmodSync,
  chownSync,
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
} from 'node:fs'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import type { Mark } from '../../runtime/kernel/layer-marks.ts'
import { Content } from './content.ts'
import { HiddenBelow, RemovedBelow, type Deletions } from './deletions.ts'
import { splitPath, type TarEntry } from './entry.ts'
import { isExactForNode, LateMarks } from './late.ts'
import { Owners, type OwnerOptions } from './owners.ts'
import { refuseEntry } from './refusal.ts'
import type { TarSink } from './tar-reader.ts'
import { join, LayerTree, parentOf } from './tree.ts'
import { classifyName } from './whiteout.ts'

const ENTRY_LIMIT = 4_000_000
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Nanoseconds. */
const SECOND = 1_000_000_000n
const nothing = (): void => undefined

export interface WriterOptions extends OwnerOptions {
  /** `overlay`: into an empty directory that becomes a lower one of overlayfs. `tree`: onto the layers below it. */
  readonly form: 'overlay' | 'tree'
}

interface Placed {
  readonly entry: TarEntry
  readonly owner: readonly [uid: number, gid: number]
}

export class LayerWriter implements TarSink {
  readonly #tree: LayerTree
  readonly #owners: Owners
  readonly #deletions: Deletions
  readonly #late: LateMarks
  readonly #isOntoTree: boolean
  readonly #directories = new Map<string, Placed>()
  /** Times of directories that the layer changes without listing them. */
  readonly #timesBefore = new Map<string, { readonly seconds: number; readonly nanoseconds: number }>()
  #file: (Placed & { readonly content: Content }) | undefined
  entries = 0
  placeholders = 0

  constructor(directory: string, { form, ...owners }: WriterOptions) {
    this.#isOntoTree = form === 'tree'
    this.#tree = new LayerTree(directory, (path) => this.#onChange(path))
    this.#owners = new Owners(owners)
    this.#late = new LateMarks(this.#tree)
    this.#deletions = this.#isOntoTree ? new RemovedBelow(this.#tree) : new HiddenBelow(this.#tree)
    if (!this.#isOntoTree) chmodSync(directory, 0o755)
  }

  get squashed(): number {
    return this.#owners.squashed
  }

  begin(entry: TarEntry): (chunk: Uint8Array) => void {
    if (++this.entries > ENTRY_LIMIT) refuseEntry(entry.shown, `is one too many: a layer has at most ${ENTRY_LIMIT}`)
    return explained(entry, () => this.#place(entry))
  }

  end(): void {
    if (this.#file === undefined) return
    const { content, entry, owner } = this.#file
    const { descriptor } = content
    explained(entry, () => {
      content.finish()
      if (this.#mustChange(owner)) fchownSync(descriptor, ...owner)
      fchmodSync(descriptor, entry.mode)
      if (isExactForNode(entry)) futimesSync(descriptor, entry.mtime.seconds, entry.mtime.seconds)
    })
    this.close()
  }

  /** Of a file that a failure left open. */
  close(): void {
    this.#file?.content.close()
    this.#file = undefined
  }

  /** To be made before `finish`, which sets the times of their directories. */
  marks(): readonly Mark[] {
    return [...this.#deletions.marks(), ...this.#late.marks()]
  }

  finish(): void {
    for (const [path, { entry, owner }] of this.#directories) {
      if (!this.#tree.isDirectory(path)) continue
      const native = this.#tree.native(path)
      explained(entry, () => {
        if (this.#mustChange(owner)) chownSync(native, ...owner)
        chmodSync(native, entry.mode)
        if (isExactForNode(entry)) lutimesSync(native, entry.mtime.seconds, entry.mtime.seconds)
      })
    }
  }

  /** To be made after `finish`. */
  times(): readonly Mark[] {
    const unlisted = [...this.#timesBefore].filter(
      ([path]) => !this.#directories.has(path) && this.#tree.isDirectory(path),
    )
    return [
      ...unlisted.map(([path, time]): Mark => ({ path: this.#tree.bytes(path), kind: 'time', ...time })),
      ...this.#late.times(),
    ]
  }

  /** New files are 0:0, except below a directory with setgid that was there before. */
  #mustChange([uid, gid]: Placed['owner']): boolean {
    return uid !== 0 || gid !== 0 || (this.#isOntoTree && process.geteuid?.() === 0)
  }

  #onChange(path: string): void {
    if (!this.#isOntoTree) return
    this.#noteTime(parentOf(path))
    this.#deletions.keep(path)
  }

  #noteTime(directory: string): void {
    if (this.#timesBefore.has(directory)) return
    const { mtimeNs = 0n } = this.#tree.statExactly(directory) ?? {}
    const nanoseconds = ((mtimeNs % SECOND) + SECOND) % SECOND
    this.#timesBefore.set(directory, {
      seconds: Number((mtimeNs - nanoseconds) / SECOND),
      nanoseconds: Number(nanoseconds),
    })
  }

  #place(entry: TarEntry): (chunk: Uint8Array) => void {
    const name = entry.components.at(-1)
    if (name === undefined) {
      if (entry.type !== 'directory') return refuseEntry(entry.shown, 'replaces the root of the layer')
      return this.#make('', entry)
    }
    const meaning = classifyName(entry.components)
    if (meaning.kind === 'metadata') return nothing
    if (meaning.kind === 'below') return refuseEntry(entry.shown, 'lies below a whiteout')
    if (meaning.kind === 'invalid')
      return refuseEntry(entry.shown, 'is a whiteout of nothing, of its own directory or of the one above')
    const parent = this.#enter(entry, meaning.kind === 'plain')
    if (parent === undefined) return nothing
    if (meaning.kind === 'plain') return this.#make(join(parent, name), entry)
    if (this.#isOntoTree) this.#noteTime(parent)
    if (meaning.kind === 'opaque') this.#deletions.opaque(parent, entry.shown)
    else this.#deletions.whiteout(join(parent, meaning.hidden))
    return nothing
  }

  /** A whiteout makes its directory only where the directory has to carry the mark. */
  #enter({ components, shown }: TarEntry, isMaking: boolean): string | undefined {
    const above = components.slice(0, -1)
    return isMaking || !this.#isOntoTree ? this.#tree.enter(above, shown) : this.#tree.find(above, shown)
  }

  #make(path: string, entry: TarEntry): (chunk: Uint8Array) => void {
    const native = this.#tree.native(path)
    if (path !== '') this.#onChange(path)
    if (entry.type === 'link') {
      this.#makeLink(path, entry)
      return nothing
    }
    this.#late.forget(path)
    const placed = { entry, owner: this.#owners.of(entry) }
    switch (entry.type) {
      case 'directory':
        this.#makeDirectory(path)
        this.#directories.set(path, placed)
        break
      case 'symlink':
        if (entry.linkname === '') refuseEntry(entry.shown, 'is a symbolic link to nothing')
        this.#replace(path, () => symlinkSync(Buffer.from(entry.linkname, 'latin1'), native))
        if (this.#mustChange(placed.owner)) lchownSync(native, ...placed.owner)
        if (isExactForNode(entry)) lutimesSync(native, entry.mtime.seconds, entry.mtime.seconds)
        break
      case 'device':
      case 'fifo':
      case 'file': {
        if (entry.type === 'device') this.placeholders++
        const descriptor = this.#replace(path, () => openSync(native, NEW_FILE, 0o600))
        const content = new Content(descriptor, entry.sparse)
        this.#file = { ...placed, content }
        this.#late.add(path, entry, placed.owner)
        return (chunk) => explained(entry, () => content.write(chunk))
      }
    }
    this.#late.add(path, entry, placed.owner)
    return nothing
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
    const above = this.#tree.find(components.slice(0, -1), entry.shown)
    const target = above === undefined ? undefined : join(above, name)
    const stats = target === undefined ? undefined : this.#tree.stat(target)
    if (target === undefined || stats === undefined)
      return refuseEntry(
        entry.shown,
        `is a hard link to ${JSON.stringify(components.join('/'))}, which is not in the layer`,
      )
    if (stats.isDirectory()) refuseEntry(entry.shown, 'is a hard link to a directory')
    if (target === path) return
    this.#replace(path, () => linkSync(this.#tree.native(target), this.#tree.native(path)))
    this.#late.forget(path)
    this.#late.addName(target, path)
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

const WHY: Readonly<Record<string, string>> = {
  ENOSPC: 'the filesystem of the root directory is full',
  EDQUOT: 'the quota of the filesystem is used up',
  ENAMETOOLONG: 'a path may have 4095 bytes, one name in it 255',
  EFBIG: 'the filesystem has no files of this size',
  EMLINK: 'the filesystem has no files with so many names',
}

const explained = <T>(entry: TarEntry, work: () => T): T => {
  try {
    return work()
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || error instanceof Failure) throw error
    const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : 'write'
    const { shown, uid, gid } = entry
    const why = call.includes('chown') ? `it belongs to ${uid}:${gid}, which the id map may not have` : WHY[code]
    throw new Failure(`layer entry ${shown}: ${call}: ${code}`, { id: 'image.unpack', why })
  }
}
