/**
 * Mark and sweep: whatever no entry of index.json leads to, no pull holds and no container runs from is deleted from blobs and layers.
 * Marks follow indexes too, so that what another tool put into the layout stays.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryName } from './atomic-file.ts'
import { hexOf, isDigest, type Digest } from '../digest.ts'
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

export interface Kept {
  readonly entries: readonly Descriptor[]
  /** Blobs and layers of what is on its way. */
  readonly held: readonly Digest[]
  /** Ids of images that containers run from: their layers stay, even if another tool took the image out of index.json. */
  readonly used: readonly Digest[]
}

/** @returns bytes of the blobs that went; an unpacked layer has about twice those of its own. */
export const sweep = async (store: Sweepable, { entries, held, used }: Kept): Promise<number> => {
  const marked = new Set(held)
  // Marks first and whole: a damaged manifest stops the sweep before anything is deleted.
  for (const entry of entries) await mark(store, entry, marked)
  for (const config of used) {
    marked.add(config)
    await markLayers(store, config, marked)
  }

  let reclaimed = 0
  for (const algorithm of await readdir(join(store.directory, 'blobs'))) {
    for (const hex of await readdir(join(store.directory, 'blobs', algorithm))) {
      const digest = `${algorithm}:${hex}`
      if (!isDigest(digest) || marked.has(digest)) continue
      reclaimed += (await stat(store.blobPath(digest))).size
      await rm(store.blobPath(digest), { force: true })
    }
  }
  const layers = new Set([...marked].map(hexOf))
  for (const name of await readdir(store.layersDirectory)) {
    if (layers.has(name) || !/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/.test(name)) continue
    // Renamed first: a crash in the middle leaves a leftover, never half a layer under a layer's name.
    const doomed = temporaryName(join(store.layersDirectory, name))
    await rename(join(store.layersDirectory, name), doomed)
    await rm(doomed, { recursive: true, force: true })
  }
  return reclaimed
}
