/**
 * Images on disk: an OCI image layout (skopeo can read it) in `directory`, and beside it `layers/<diffid>/`, each
 * layer unpacked once in overlayfs's form. Nothing has its final name before it is whole. One process per store.
 */
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { removeLeftovers, temporaryName } from './atomic-file.ts'
import { BlobWriter, type BlobFacts } from './blob.ts'
import { algorithmOf, digestOf, hexOf, isDigest, type Digest } from '../digest.ts'
import { findImage } from './find.ts'
import { readImages } from './image-list.ts'
import type { Image } from '../image.ts'
import { ensureLayout, nameOf, readLayoutIndex, withSource, writeLayoutIndex } from './layout-index.ts'
import { isTaking, takeLock } from './lock.ts'
import type { Descriptor } from '../manifest.ts'
import { entryOf, planNaming } from './naming.ts'
import { planRemoval, type Pruned, type Removal, type Users } from './removal.ts'
import { markAll, sweep } from './sweep.ts'

export interface StoreOptions {
  /** Where unpacked layers go; by default `layers` beside the layout. Must be on one file system with itself. */
  readonly layers?: string
  /** Asked whenever something is to be removed; by default nobody uses anything. */
  readonly users?: () => Users
}

type Entries = readonly Descriptor[]

/** Note of who is about to remove what index.json no longer leads to. */
const SWEEPING = 'sweep.tmp'

export class Store {
  readonly directory: string
  readonly layersDirectory: string
  readonly #release: () => void
  readonly #users: () => Users
  readonly #held = new Map<Digest, number>()
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(directory: string, { layers, users }: Required<StoreOptions>) {
    this.directory = directory
    this.layersDirectory = layers
    this.#users = users
    this.#release = takeLock(join(directory, 'lock'), `image store ${directory}`)
  }

  /** Makes what is missing, and removes what a crash left half-made. @throws Failure `store.locked`. */
  static async open(directory: string, options: StoreOptions = {}): Promise<Store> {
    const layers = options.layers ?? join(dirname(directory), 'layers')
    const blobs = join(directory, 'blobs', 'sha256')
    // 0700: unpacked layers hold setuid programs, which must be out of every other user's reach.
    for (const path of [directory, blobs, layers]) await mkdir(path, { recursive: true, mode: 0o700 })
    const store = new Store(directory, { layers, users: options.users ?? (() => new Map()) })
    try {
      const algorithms = (await readdir(dirname(blobs))).map((name) => join(dirname(blobs), name))
      const leftovers = await removeLeftovers(directory, isTaking)
      for (const path of [layers, ...algorithms]) await removeLeftovers(path)
      await ensureLayout(directory)
      if (leftovers.includes(SWEEPING))
        await store.#exclusively(async () => store.#sweep(await readLayoutIndex(directory)))
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  /** Waits for the writer at work, then lets another process have the store. */
  async close(): Promise<void> {
    await this.#queue.catch(() => undefined)
    this.#release()
  }

  blobPath(digest: Digest): string {
    return join(this.directory, 'blobs', algorithmOf(digest), hexOf(digest))
  }

  layerPath(diffId: Digest): string {
    return join(this.layersDirectory, hexOf(diffId))
  }

  hasBlob(digest: Digest): Promise<boolean> {
    return exists(this.blobPath(digest))
  }

  hasLayer(diffId: Digest): Promise<boolean> {
    return exists(this.layerPath(diffId))
  }

  /** A small blob, checked. Undefined when it is not there. @throws Failure `store.damaged`. */
  async readBlob(digest: Digest): Promise<Buffer | undefined> {
    let bytes: Buffer
    try {
      bytes = await readFile(this.blobPath(digest))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
    if (digestOf(bytes, algorithmOf(digest)) === digest) return bytes
    throw new Failure(`blob ${digest} in the image store is damaged`, {
      id: 'store.damaged',
      found: this.blobPath(digest),
      try: 'remove this file and pull the image again',
    })
  }

  async writeBlob(facts: BlobFacts): Promise<BlobWriter> {
    await mkdir(dirname(this.blobPath(facts.digest)), { recursive: true, mode: 0o700 })
    return new BlobWriter(this.blobPath(facts.digest), facts)
  }

  /** A small blob that was checked. @returns false when it was there. */
  async saveBlob(digest: Digest, bytes: Uint8Array): Promise<boolean> {
    if (await this.hasBlob(digest)) return false
    const writer = await this.writeBlob({ digest, size: bytes.length })
    writer.write(bytes)
    await writer.commit()
    return true
  }

  /** An empty directory to unpack a layer into, and what makes it the layer. */
  async stageLayer(
    diffId: Digest,
  ): Promise<{ path: string; commit: () => Promise<void>; abandon: () => Promise<void> }> {
    const path = temporaryName(this.layerPath(diffId))
    await mkdir(path, { mode: 0o755 })
    const abandon = (): Promise<void> => rm(path, { recursive: true, force: true })
    const commit = async (): Promise<void> => {
      try {
        await rename(path, this.layerPath(diffId))
      } catch (error) {
        // Another pull was faster with the same layer.
        if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
        await abandon()
      }
    }
    return { path, commit, abandon }
  }

  /** Keeps these blobs and layers from being swept while an image is on its way. @returns the release. */
  hold(digests: readonly Digest[]): () => void {
    for (const digest of digests) this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1)
    return () => {
      for (const digest of digests) {
        const left = (this.#held.get(digest) ?? 1) - 1
        if (left === 0) this.#held.delete(digest)
        else this.#held.set(digest, left)
      }
    }
  }

  async list(): Promise<readonly Image[]> {
    return readImages(this, await readLayoutIndex(this.directory))
  }

  /** By name, digest, or id (3 or more hex digits of it). @throws Failure `image.unknown` 404, `image.ambiguous` 409. */
  async find(text: string): Promise<Image> {
    return findImage(await this.list(), text)
  }

  /** What goes with the image at the latest: all that its entries lead to, for other machines too. */
  async partsOf({ entries }: Pick<Image, 'entries'>): Promise<ReadonlySet<Digest>> {
    const index = await readLayoutIndex(this.directory)
    return markAll(
      this,
      index.filter(({ digest }) => entries.includes(digest)),
    )
  }

  /** Gives the manifest a name, or without one puts it in as an image that has none (naming.ts). */
  tag(descriptor: Descriptor, name: string | undefined): Promise<void> {
    return this.#change((before) => planNaming(before, { descriptor, name }))
  }

  /** A registry has the manifest under this name from now on. No change where the store does not call it so. */
  noteSource(digest: Digest, name: string): Promise<void> {
    return this.#change((before) =>
      before.map((entry) => (entry.digest === digest && nameOf(entry) === name ? withSource(entry, digest) : entry)),
    )
  }

  /** One more name for what a name, id or digest means. @throws Failure `image.unknown` 404, `image.ambiguous` 409. */
  async nameAlso(text: string, name: string): Promise<void> {
    await this.#change(async (before) => {
      const { entries } = findImage(await readImages(this, before), text)
      const entry = before.find(({ digest }) => entries.includes(digest))
      if (entry === undefined) throw new Error(`an image without an entry: ${text}`)
      return planNaming(before, { descriptor: entryOf(entry), name })
    })
  }

  /** What would go, and what index.json then has. @throws Failure as `remove` does */
  async planRemoval(text: string, { force = false } = {}): Promise<Removal & { before: Entries; entries: Entries }> {
    const before = await readLayoutIndex(this.directory)
    const image = findImage(await readImages(this, before), text)
    return { before, ...planRemoval(before, { image, text, force, users: this.#users() }) }
  }

  /**
   * Takes the name away, or with an id the whole image; with the last name go the blobs and layers that no other
   * image uses. What a container needs stays, with `force` as an image without a name.
   * @throws Failure `image.unknown` 404, `image.conflict`, `image.in-use` 409.
   */
  remove(text: string, { force = false } = {}): Promise<Removal> {
    return this.#exclusively(async () => {
      const { before: entries, entries: left, ...removal } = await this.planRemoval(text, { force })
      const isLess = entries.some(({ digest }) => left.every((entry) => entry.digest !== digest))
      if (isLess) await this.#reduceTo(left)
      else await writeLayoutIndex(this.directory, left)
      return removal
    })
  }

  /** Removes every image that `isWanted` and no container needs, and all that nothing leads to. */
  prune(isWanted: (image: Image) => boolean): Promise<Pruned> {
    return this.#exclusively(async () => {
      const entries = await readLayoutIndex(this.directory)
      const users = this.#users()
      const doomed = (await readImages(this, entries)).filter((image) => !users.has(image.id) && isWanted(image))
      const isGone = (entry: Descriptor): boolean => doomed.some((image) => image.entries.includes(entry.digest))
      const left = entries.filter((entry) => !isGone(entry))
      const reclaimed = left.length < entries.length ? await this.#reduceTo(left) : await this.#sweep(left)
      return {
        untagged: doomed.flatMap(({ names }) => names),
        deleted: [...new Set(doomed.map(({ id }) => id))],
        reclaimed,
      }
    })
  }

  /** Less entries, then less blobs. What is killed in between is swept by the next who opens the store. */
  async #reduceTo(entries: Entries): Promise<number> {
    const note = join(this.directory, SWEEPING)
    await writeFile(note, '', { mode: 0o600 })
    await writeLayoutIndex(this.directory, entries)
    const reclaimed = await this.#sweep(entries)
    await rm(note, { force: true })
    return reclaimed
  }

  #sweep(entries: Entries): Promise<number> {
    return sweep(this, { entries, held: this.#held, used: [...this.#users().keys()].filter(isDigest) })
  }

  #change(plan: (before: Entries) => Entries | Promise<Entries>): Promise<void> {
    return this.#exclusively(async () => {
      const before = await readLayoutIndex(this.directory)
      const after = await plan(before)
      if (JSON.stringify(after) !== JSON.stringify(before)) await writeLayoutIndex(this.directory, after)
    })
  }

  /** One writer of index.json at a time, in the order of their calls. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work, work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
