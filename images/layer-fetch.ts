/**
 * One layer of a pull: blob and unpacked directory, in one pass over the network's bytes. Each chunk is hashed and
 * saved; behind it the file is read, gunzipped, hashed again and unpacked, by a thread where there are some. Both get
 * their names only when both digests are right.
 */
import { closeSync, open } from 'node:fs'
import { promisify } from 'node:util'
import { Failure, isFailure } from '../runtime/errors.ts'
import { algorithmOf, type Digest } from './digest.ts'
import type { ImageLayer } from './image.ts'
import type { Store } from './store/store.ts'
import { Growth } from './layer/growth.ts'
import { NO_LOSSES, type Losses, type UnpackOptions } from './layer/unpack.ts'
import { unpackHere, type GrowingLayer, type Unpacker } from './layer/unpacker.ts'

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
  /** Here, unless told. */
  readonly unpacker?: Unpacker | undefined
  readonly signal: AbortSignal
  readonly fetch: (signal: AbortSignal) => Promise<AsyncGenerator<Uint8Array, undefined>>
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

/** @param growing its descriptor is closed at the end. @throws Failure `image.diffid`. */
const unpackInto = async (
  { store, layer, unpack, unpacker = unpackHere }: LayerJob,
  growing: Pick<GrowingLayer, 'descriptor' | 'growth' | 'onRead'>,
): Promise<UnpackedInto> => {
  try {
    const staged = await store.stageLayer(layer.diffId)
    try {
      const options = { ...unpack, algorithm: algorithmOf(layer.diffId) }
      const { diffId, squashed, placeholders } = await unpacker({ ...growing, directory: staged.path, options })
      // Too late for who unpacks to hear of it.
      if (growing.growth.failure !== undefined) throw growing.growth.failure.error
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
  } finally {
    closeSync(growing.descriptor)
  }
}

interface UnpackedInto {
  readonly losses: Losses
  readonly commit: () => Promise<void>
  readonly abandon: () => Promise<void>
}

const unpackSaved = async (job: LayerJob): Promise<Losses> => {
  const { store, layer, signal, report } = job
  signal.throwIfAborted()
  const growth = new Growth()
  const onAbort = (): void => growth.fail(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    // Others write into the store too, and a named pipe would hold the agent up.
    const descriptor = await promisify(open)(store.blobPath(layer.digest), 'r')
    growth.reach({ bytes: layer.size, isWhole: true })
    const onRead = (bytes: number): void => report('unpacking', bytes)
    const { commit, losses } = await unpackInto(job, { descriptor, growth, onRead })
    await commit()
    return losses
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * What an archive has that no layer should have is most often a damaged transfer: then the rest is waited for, because
 * the digest's sentence says more.
 */
const SEEN_IN_DAMAGE: readonly (string | undefined)[] = ['image.layer', 'image.entry', 'image.owner']
const mayBeDamage = (error: unknown): boolean => isFailure(error) && SEEN_IN_DAMAGE.includes(error.facts.id)

const download = async (job: LayerJob, isUnpacked: boolean): Promise<Losses> => {
  const { store, layer, report } = job
  report('downloading', 0)
  const blob = await store.writeBlob(layer)
  const growth = new Growth()
  /** The rest is not needed. */
  const given = new AbortController()
  let unpacking: Promise<UnpackedInto> | undefined
  const save = async (): Promise<void> => {
    const body = await job.fetch(AbortSignal.any([job.signal, given.signal]))
    try {
      if (!isUnpacked) unpacking = unpackInto(job, { descriptor: blob.openForReading(), growth })
      unpacking?.catch((error: unknown) => {
        if (!mayBeDamage(error)) given.abort(error)
      })
      for await (const chunk of body) {
        blob.write(chunk)
        growth.reach({ bytes: blob.size, isWhole: false })
        report('downloading', blob.size)
      }
    } finally {
      await body.return(undefined)
    }
    blob.check()
    growth.reach({ bytes: blob.size, isWhole: true })
    report('unpacking', blob.size)
  }
  try {
    await save().catch(async (error: unknown) => {
      growth.fail(error)
      await unpacking?.then(({ abandon }) => abandon()).catch(() => undefined)
      throw given.signal.aborted && !job.signal.aborted ? given.signal.reason : error
    })
    const unpacked = await unpacking
    try {
      await blob.commit()
      await unpacked?.commit()
    } catch (error) {
      await unpacked?.abandon()
      throw error
    }
    return unpacked?.losses ?? NO_LOSSES
  } finally {
    await blob.abandon()
  }
}
