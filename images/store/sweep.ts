/**
 * Mark and sweep: whatever no entry of index.json leads to, and no pull holds, is deleted from blobs and layers.
 * Marks follow indexes too, so that what another tool put into the layout stays.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryName } from './atomic-file.ts'
import { hexOf, isDigest, type Digest } from '../digest.ts'
import { parseImageConfig } from '../image-config.ts'
import { parseManifest, type Descriptor } from '../manifest.ts'

export interface Sweepable {
  readonly directory: string
  readonly layersDirectory: string
  readBlob(digest: Digest): Promise<Buffer | undefined>
  blobPath(digest: Digest): string
}

/** Blobs and DiffIDs in one set: both are digests, and neither can be mistaken for the other. */
const mark = async (store: Sweepable, { digest, mediaType }: Descriptor, marked: Set<Digest>): Promise<void> => {
  if (marked.has(digest)) return
  marked.add(digest)
  const bytes = await store.readBlob(digest)
  if (bytes === undefined) return
  const manifest = parseManifest(bytes, mediaType)
  if (manifest.kind === 'index') {
    for (const child of manifest.manifests) await mark(store, child, marked)
    return
  }
  for (const blob of [manifest.config, ...manifest.layers]) marked.add(blob.digest)
  const config = await store.readBlob(manifest.config.digest)
  for (const diffId of config === undefined ? [] : parseImageConfig(config).diffIds) marked.add(diffId)
}

export const sweep = async (
  store: Sweepable,
  entries: readonly Descriptor[],
  held: ReadonlyMap<Digest, number>,
): Promise<void> => {
  const marked = new Set(held.keys())
  // Marks first and whole: a damaged manifest stops the sweep before anything is deleted.
  for (const entry of entries) await mark(store, entry, marked)

  for (const algorithm of await readdir(join(store.directory, 'blobs'))) {
    for (const hex of await readdir(join(store.directory, 'blobs', algorithm))) {
      const digest = `${algorithm}:${hex}`
      if (isDigest(digest) && !marked.has(digest)) await rm(store.blobPath(digest), { force: true })
    }
  }
  const layers = new Set([...marked].map(hexOf))
  for (const name of await readdir(store.layersDirectory)) {
    if (layers.has(name) || !isDigest(`sha256:${name}`)) continue
    // Renamed first: a crash in the middle leaves a leftover, never half a layer under a layer's name.
    const doomed = temporaryName(join(store.layersDirectory, name))
    await rename(join(store.layersDirectory, name), doomed)
    await rm(doomed, { recursive: true, force: true })
  }
}
