/**
 * One layer of a pull: blob and unpacked directory, in one pass over the network's bytes. Each chunk is hashed, saved,
 * gunzipped, hashed again and unpacked; both get their names only when both digests are right.
 */
import { createReadStream } from 'node:fs'
import { Failure, isFailure } from '../runtime/errors.ts'
import type { BlobWriter } from './store/blob.ts'
import { algorithmOf, type Digest } from './digest.ts'
import type { ImageLayer } from './image.ts'
import type { Store } from './store/store.ts'
import { NO_LOSSES, unpackLayer, type Losses, type UnpackOptions } from './layer/unpack.ts'

export interface LayerProgress {
  readonly layer: Digest
  readonly state: 'waiting' | 'downloading' | 'unpacking' | 'done' | 'exists'
  /** Bytes of the blob. */
  readonly current: number
  readonly total: number
}

export interface LayerJob {
  readonly store: Store
  readonly layer: ImageLayer
  readonly unpack: UnpackOptions
  readonly signal: AbortSignal
  readonly fetch: () => Promise<AsyncGenerator<Uint8Array, undefined>>
  readonly report: (state: LayerProgress['state'], current: number) => void
}

/** @throws Failure; then nothing of the layer is left half-made. */
export const fetchLayer = async (job: LayerJob): Promise<Losses> => {
  const { store, layer, report } = job
  const [isSaved, isUnpacked] = await Promise.all([store.hasBlob(layer.digest), store.hasLayer(layer.diffId)])
  if (isSaved && isUnpacked) {
    report('exists', layer.size)
    return NO_LOSSES
  }
  const losses = isSaved ? await unpackSaved(job) : await download(job, isUnpacked)
  report('done', layer.size)
  return losses
}

/** @throws Failure `image.diffid`. */
const unpackInto = async (job: LayerJob, source: AsyncIterable<Uint8Array>): Promise<UnpackedInto> => {
  const { store, layer, unpack } = job
  const staged = await store.stageLayer(layer.diffId)
  try {
    const { diffId, squashed, placeholders } = await unpackLayer(source, staged.path, {
      ...unpack,
      algorithm: algorithmOf(layer.diffId),
    })
    if (diffId !== layer.diffId) {
      throw new Failure(`layer ${layer.digest} does not unpack to its DiffID`, {
        id: 'image.diffid',
        why: 'config and layers of the image do not belong together',
        found: `wanted ${layer.diffId}, got ${diffId}`,
      })
    }
    return { losses: { squashed, placeholders }, commit: staged.commit, abandon: staged.abandon }
  } catch (error) {
    await staged.abandon()
    throw error
  }
}

interface UnpackedInto {
  readonly losses: Losses
  readonly commit: () => Promise<void>
  readonly abandon: () => Promise<void>
}

const unpackSaved = async (job: LayerJob): Promise<Losses> => {
  const { store, layer, signal, report } = job
  const file = createReadStream(store.blobPath(layer.digest), { highWaterMark: 1024 * 1024, signal })
  let current = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of file as AsyncIterable<Buffer>) {
      report('unpacking', (current += chunk.length))
      yield chunk
    }
  }
  try {
    const { commit, losses } = await unpackInto(job, counted())
    await commit()
    return losses
  } finally {
    file.destroy()
  }
}

const download = async (job: LayerJob, isUnpacked: boolean): Promise<Losses> => {
  const { store, layer, report } = job
  report('downloading', 0)
  const blob = await store.writeBlob(layer)
  const body = await job.fetch().catch(async (error: unknown) => {
    await blob.abandon()
    throw error
  })
  const next = async (): Promise<Uint8Array | undefined> => {
    const { done, value } = await body.next()
    if (done === true) {
      report('unpacking', blob.size)
      return undefined
    }
    blob.write(value)
    report('downloading', blob.size)
    return value
  }
  // Not `yield* body`: that would end the body with the unpacker, and the rest tells whose fault an error is.
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk
  }
  const drain = async (): Promise<void> => {
    while ((await next()) !== undefined);
  }
  try {
    const unpacked = isUnpacked ? undefined : await unpackInto(job, chunks()).catch(blameBlob({ blob, drain }))
    try {
      await drain()
      await blob.commit()
      await unpacked?.commit()
    } catch (error) {
      await unpacked?.abandon()
      throw error
    }
    return unpacked?.losses ?? NO_LOSSES
  } finally {
    await blob.abandon()
    await body.return(undefined)
  }
}

/** What an archive has that no layer should have is most often a damaged transfer: then the digest's sentence says more. */
const SEEN_IN_DAMAGE: readonly (string | undefined)[] = ['image.layer', 'image.entry', 'image.owner']

const blameBlob =
  ({ blob, drain }: { blob: BlobWriter; drain: () => Promise<void> }) =>
  async (error: unknown): Promise<never> => {
    if (isFailure(error) && SEEN_IN_DAMAGE.includes(error.facts.id)) {
      await drain()
      await blob.commit()
    }
    throw error
  }
