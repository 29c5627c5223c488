/**
 * Mark and sweep: whatever no entry of index.json leads to, no pull holds and no container runs from is deleted from
 * blobs and layers. Marks follow indexes too, so that what another tool put into the layout stays.
 */
import { renameSync, rmSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryName } from './atomic-file.ts'
import { isDigest, type Digest } from '../digest.ts'
import { parseImageConfig } from '../image-config.ts'
import { MANIFEST_LIMIT, parseImage, type Descriptor } from '../manifest.ts'
import { isIndexType, isManifestType } from '../media-types.ts'

export interface Sweepable {
  readonly directory: string
  readonly layersDirectory: string
  readBlob(digest: Digest): Promise<Buffer | undefined>
  blobPath(digest: Digest): string
}

/** Of what is no image, whatever it names stays. */
const NAMED = /"(sha\d+:[0-9a-f]+)"/g

/** By which a layer's directory is told from one of sha512. */
const SHA256_DIGITS = 64

/** Blobs and DiffIDs in one set: both are digests, and neither can be mistaken for the other. */
const mark = async (store: Sweepable, { digest, mediaType, size }: Descriptor, marked: Set<Digest>): Promise<void> => {
  if (marked.has(digest)) return
  marked.add(digest)
  const isKnown = isManifestType(mediaType) || isIndexType(mediaType)
  // A whole disk, which some tools put in, is not looked into.
  if (!isKnown && size > MANIFEST_LIMIT) return
  const bytes = await store.readBlob(digest)
  if (bytes === undefined) return
  const manifest = isKnown ? parseImage(bytes, mediaType) : undefined
  if (manifest === undefined) {
    for (const [, named = ''] of bytes.toString('latin1').matchAll(NAMED)) if (isDigest(named)) marked.add(named)
    return
  }
  if (manifest.kind === 'index') {
    for (const child of manifest.manifests) await mark(store, child, marked)
    return
  }
  for (const blob of [manifest.config, ...manifest.layers]) marked.add(blob.digest)
  await markLayers(store, manifest.config.digest, marked)
}

const markLayers = async (store: Sweepable, config: Digest, marked: Set<Digest>): Promise<void> => {
  const bytes = await store.readBlob(config)
  for (const diffId of bytes === undefined ? [] : parseImageConfig(bytes).diffIds) marked.add(diffId)
}

/** All that these entries lead to, for other machines too: blobs, and the DiffIDs of their layers. */
export const markAll = async (store: Sweepable, entries: readonly Descriptor[]): Promise<Set<Digest>> => {
  const marked = new Set<Digest>()
  for (const entry of entries) await mark(store, entry, marked)
  return marked
}

export interface Kept {
  readonly entries: readonly Descriptor[]
  /** Blobs and layers of what is on its way; more of them while the sweep is at work. */
  readonly held: { has(digest: Digest): boolean }
  /** Ids of images that containers run from: their layers stay, even if another tool took the image out of index.json. */
  readonly used: readonly Digest[]
}

/** @returns bytes of the blobs that went; an unpacked layer has about twice those of its own. */
export const sweep = async (store: Sweepable, { entries, held, used }: Kept): Promise<number> => {
  // Marks first and whole: a damaged manifest stops the sweep before anything is deleted.
  const marked = await markAll(store, entries)
  for (const config of used) {
    marked.add(config)
    await markLayers(store, config, marked)
  }
  const isKept = (digest: Digest): boolean => marked.has(digest) || held.has(digest)

  let reclaimed = 0
  for (const algorithm of await readdir(join(store.directory, 'blobs'))) {
    for (const hex of await readdir(join(store.directory, 'blobs', algorithm))) {
      const digest = `${algorithm}:${hex}`
      if (!isDigest(digest) || isKept(digest)) continue
      const { size } = await stat(store.blobPath(digest))
      // At once: a pull that begins meanwhile holds first, and then looks what is here.
      if (isKept(digest)) continue
      rmSync(store.blobPath(digest), { force: true })
      reclaimed += size
    }
  }
  for (const hex of await readdir(store.layersDirectory)) {
    const digest = `${hex.length === SHA256_DIGITS ? 'sha256' : 'sha512'}:${hex}`
    if (!isDigest(digest) || isKept(digest)) continue
    // Renamed first: a crash in the middle leaves a leftover, never half a layer under a layer's name.
    const doomed = temporaryName(join(store.layersDirectory, hex))
    renameSync(join(store.layersDirectory, hex), doomed)
    await rm(doomed, { recursive: true, force: true })
  }
  return reclaimed
}
