/**
 * From a registry into the store: index, platform, manifest, config, then the layers, three at a time. The name
 * changes last, so that a pull that fails leaves the image that had it before. One manifest request when all is here.
 */
import { Failure } from '../runtime/errors.ts'
import { CONFIG_LIMIT } from './image-config.ts'
import { toImage } from './store/image-list.ts'
import type { Image, ImageLayer } from './image.ts'
import { fetchLayer, type LayerJob, type LayerProgress } from './layer-fetch.ts'
import { SOURCE_ANNOTATION } from './store/layout-index.ts'
import { parseManifest } from './manifest.ts'
import { hostPlatform, isRunnable, notMadeFor, type Platform } from './platform.ts'
import { fetchSmall, indexInIndex, resolveManifest, saveSmall } from './pull-manifest.ts'
import { familiarReference, formatReference, parseReference, type Reference } from './reference.ts'
import { Registry } from './registry/registry.ts'
import { startBounded } from './start-bounded.ts'
import type { Store } from './store/store.ts'
import type { UnpackOptions } from './layer/unpack.ts'

export interface PullOptions extends UnpackOptions {
  /** The host's by default. */
  readonly platform?: Platform
  readonly registry?: Registry
  readonly onProgress?: (progress: LayerProgress) => void
  readonly signal?: AbortSignal
}

export interface Pulled {
  readonly image: Image
  /** False when this very manifest was here already. */
  readonly isNew: boolean
  /** Entries that lost their owner to the single-id map. */
  readonly squashed: number
}

const LAYERS_AT_ONCE = 3
/** Milliseconds between two events of one state. */
const PROGRESS_INTERVAL = 50

/** @throws Failure `image.reference`, `image.platform`, `registry.*`, and those of unpackLayer. */
export const pull = async (store: Store, text: string, options: PullOptions): Promise<Pulled> => {
  const reference = parseReference(text)
  const registry = options.registry ?? new Registry()
  try {
    return await pullFrom({ registry, store, reference, options })
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new Failure(`pull of ${familiarReference(reference)} was cancelled`, { id: 'image.cancelled' })
  } finally {
    if (options.registry === undefined) await registry.close()
  }
}

interface Job {
  readonly registry: Registry
  readonly store: Store
  readonly reference: Reference
  readonly options: PullOptions
}

const pullFrom = async (job: Job): Promise<Pulled> => {
  const { registry, store, reference, options } = job
  const wanted = options.platform ?? hostPlatform()
  const { descriptor, bytes, source } = await resolveManifest(job, wanted)
  const manifest = parseManifest(bytes, descriptor.mediaType)
  if (manifest.kind === 'index') throw indexInIndex()
  const releases = [store.hold([descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest))]
  try {
    const configBytes =
      (await store.readBlob(manifest.config.digest)) ??
      (await fetchSmall(registry, {
        reference,
        descriptor: manifest.config,
        limit: CONFIG_LIMIT,
        signal: options.signal,
      }))
    const image = toImage(descriptor, { bytes, configBytes })
    if (options.platform !== undefined && !isRunnable(wanted, image.platform))
      throw notMadeFor(wanted, [image.platform])
    releases.push(store.hold(image.layers.map(({ diffId }) => diffId)))
    const squashed = await pullLayers(job, image.layers)
    await saveSmall(store, manifest.config.digest, configBytes)
    const isNew = await saveSmall(store, descriptor.digest, bytes)
    const name = formatReference(reference)
    await store.tag({ ...descriptor, annotations: { [SOURCE_ANNOTATION]: source }, platform: image.platform }, name)
    return { image: await store.find(name), isNew, squashed }
  } finally {
    for (const release of releases) release()
  }
}

const pullLayers = async (
  { registry, store, reference, options }: Job,
  all: readonly ImageLayer[],
): Promise<number> => {
  const layers = [...new Map(all.map((layer) => [layer.digest, layer])).values()]
  const reporters = layers.map((layer) => createReporter(layer, options.onProgress))
  for (const report of reporters) report('waiting', 0)
  const squashed = await startBounded(layers, {
    limit: LAYERS_AT_ONCE,
    signal: options.signal,
    start: (layer, at, signal) =>
      fetchLayer({
        store,
        layer,
        unpack: options,
        signal,
        fetch: () => registry.fetchBlob(reference, layer, signal),
        report: reporters[at] ?? (() => undefined),
      }),
  })
  return squashed.reduce((sum, count) => sum + count, 0)
}

/** Every change of state, but of the many steps within one only some. */
const createReporter = ({ digest, size }: ImageLayer, onProgress: PullOptions['onProgress']): LayerJob['report'] => {
  let last: LayerProgress['state'] | undefined
  let at = 0
  return (state, current) => {
    const now = Date.now()
    if (state === last && now - at < PROGRESS_INTERVAL) return
    last = state
    at = now
    onProgress?.({ layer: digest, state, current, total: size })
  }
}
