/**
 * From any source into the store: index, platform, manifest, config, then the layers, some at a time. The name changes
 * last, so that what fails leaves the image that had it before. One manifest request when all is here.
 */
import { Failure } from '../runtime/errors.ts'
import { CONFIG_LIMIT, parseImageConfig } from './image-config.ts'
import type { Image, ImageLayer } from './image.ts'
import { fetchLayer, type LayerProgress } from './layer-fetch.ts'
import type { Digest } from './digest.ts'
import { addLosses, type Losses, type UnpackOptions } from './layer/unpack.ts'
import type { Unpacker } from './layer/unpacker.ts'
import { parseManifest, type Descriptor } from './manifest.ts'
import { hostPlatform, isRunnable, notMadeFor, type Platform } from './platform.ts'
import { fetchSmall, resolveManifest } from './resolve-manifest.ts'
import { SharedWork } from './shared-work.ts'
import type { ImageSource } from './source.ts'
import { startBounded } from './start-bounded.ts'
import { toImage } from './store/image-list.ts'
import { SOURCE_ANNOTATION } from './store/layout-index.ts'
import type { Store } from './store/store.ts'
import { throttled } from './throttle.ts'

type LayerStep = readonly [state: LayerProgress['state'], current: number]

/**
 * What takes have in common while they overlap: the first that wants a layer or a config fetches it, and the others that come
 * before it is there wait for that. Who comes later finds it in the store.
 */
export class SharedTakes {
  readonly layers = new SharedWork<Losses, LayerStep>(LAYERS_IN_ALL)
  readonly configs = new SharedWork<Buffer, never>(LAYERS_IN_ALL)
}

export interface TakeOptions extends UnpackOptions {
  /** Who unpacks; without one it is done here. */
  readonly unpacker?: Unpacker
  /** The host's by default. */
  readonly platform?: Platform
  readonly onProgress?: (progress: LayerProgress) => void
  /** Told once the manifest is known. */
  readonly onChosen?: (chosen: Platform, offered: readonly Platform[]) => void
  readonly signal?: AbortSignal
  readonly shared?: SharedTakes
  /** Does each part of it, in their order; by default at once. */
  readonly around?: <T>(part: TakePart, work: () => Promise<T>) => Promise<T>
}

/** A part of it, with what is known before it is done; an archive comes whole before the others. */
export type TakePart =
  | { readonly part: 'archive' }
  | { readonly part: 'manifest' | 'config'; readonly from: string }
  | { readonly part: 'layers'; readonly layers: readonly { from: string; diffId: Digest }[] }
  | { readonly part: 'name'; readonly name: string; readonly digest: Digest }

export interface Taken extends Losses {
  readonly image: Image
  /** False when this very manifest was here already. */
  readonly isNew: boolean
}

export const atOnce: NonNullable<TakeOptions['around']> = (_, work) => work()

/** Of one image, and of all that are on their way. */
const LAYERS_AT_ONCE = 3
const LAYERS_IN_ALL = 6

interface Job {
  readonly store: Store
  readonly source: ImageSource
  readonly options: TakeOptions
  readonly shared: SharedTakes
}

interface Naming {
  /** Full names to give it; without any it stays as an image without a name. */
  readonly names: readonly string[]
  /** A registry has it under these names, so its digest there is noted with them. */
  readonly isPublished?: boolean
  readonly options: TakeOptions
}

/**
 * @throws Failure `image.platform`, `image.document`, `registry.*`, and those of unpackLayer.
 */
export const takeImage = async (
  store: Store,
  source: ImageSource,
  { names, isPublished = false, options }: Naming,
): Promise<Taken> => {
  const job = { store, source, options, shared: options.shared ?? new SharedTakes() }
  const wanted = options.platform ?? hostPlatform()
  const { around = atOnce } = options
  const {
    descriptor,
    bytes,
    source: top,
    offered,
  } = await around({ part: 'manifest', from: source.where() }, () =>
    resolveManifest({ source, wanted, read: (digest) => store.readBlob(digest), signal: options.signal }),
  )
  const manifest = parseManifest(bytes, descriptor.mediaType)
  if (manifest.kind === 'index') throw new Error('an index was chosen as a manifest')
  const releases = [store.hold([descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest))]
  try {
    const configBytes = await around({ part: 'config', from: source.where(manifest.config.digest) }, () =>
      takeConfig(job, manifest.config),
    )
    const image = toImage(descriptor, { bytes, configBytes })
    if ((options.platform !== undefined || offered.length > 0) && !isRunnable(wanted, image.platform))
      throw notMadeFor(wanted, [image.platform])
    options.onChosen?.(image.platform, offered)
    releases.push(store.hold(image.layers.map(({ diffId }) => diffId)))
    const layers = image.layers.map(({ digest, diffId }) => ({ from: source.where(digest), diffId }))
    const losses = await around({ part: 'layers', layers }, () => takeLayers(job, image.layers, manifest.layers))
    const entry = {
      ...descriptor,
      annotations: { ...descriptor.annotations, ...(isPublished && { [SOURCE_ANNOTATION]: top }) },
      platform: image.platform,
    }
    return await around({ part: 'name', name: names.join(' '), digest: descriptor.digest }, async () => {
      const isNew = await store.saveBlob(descriptor.digest, bytes)
      if (names.length === 0) await store.tag(entry, undefined)
      for (const name of names) await store.tag(entry, name)
      return { image: await store.find(descriptor.digest), isNew, ...losses }
    })
  } finally {
    for (const release of releases) release()
  }
}

/** Saved at once, so that who comes a moment later finds it; what nothing leads to in the end, gc removes. */
const takeConfig = ({ store, source, options, shared }: Job, config: Descriptor): Promise<Buffer> =>
  shared.configs.join(config.digest, {
    signal: options.signal ?? new AbortController().signal,
    report: () => undefined,
    start: async (signal) => {
      const saved = await store.readBlob(config.digest)
      if (saved !== undefined) return saved
      const bytes = await fetchSmall(source, { descriptor: config, limit: CONFIG_LIMIT, signal })
      parseImageConfig(bytes)
      await store.saveBlob(config.digest, bytes)
      return bytes
    },
  })

const notHere: ImageSource['fetchBlob'] = ({ digest }) =>
  Promise.reject(
    new Failure(`blob ${digest} is not in the image store`, {
      id: 'image.incomplete',
      why: 'another program put its image there, or removed it',
      try: 'pull or copy the image again',
    }),
  )

/** The layers of an image whose blobs are here, unpacked: skopeo and others write into the layout only. */
export const unpackStored = async (
  store: Store,
  image: Image,
  options: TakeOptions & { readonly shared: SharedTakes },
): Promise<Losses> => {
  // It may be removed meanwhile.
  const release = store.hold(image.layers.flatMap(({ digest, diffId }) => [digest, diffId]))
  try {
    return await takeLayers(
      { store, source: { fetchBlob: notHere }, options, shared: options.shared },
      image.layers,
      [],
    )
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new Failure(`the unpacking of image ${image.id} was cancelled`, { id: 'image.cancelled' })
  } finally {
    release()
  }
}

const takeLayers = async (
  { store, source, options, shared }: Omit<Job, 'source'> & { source: Pick<ImageSource, 'fetchBlob'> },
  all: readonly ImageLayer[],
  descriptors: readonly Descriptor[],
): Promise<Losses> => {
  const layers = [...new Map(all.map((layer, at) => [layer.digest, { layer, descriptor: descriptors[at] }])).values()]
  const reporters = layers.map(({ layer: { digest, size } }) =>
    throttled((state: LayerProgress['state'], current) =>
      options.onProgress?.({ layer: digest, state, current, total: size }),
    ),
  )
  for (const { tell } of reporters) tell('waiting', 0)
  const losses = await startBounded(layers, {
    limit: LAYERS_AT_ONCE,
    signal: options.signal,
    start: ({ layer, descriptor = { ...layer, mediaType: '' } }, at, signal) =>
      // Who does not ask for it gets no layer that lost its owners, and who does is not refused for them.
      shared.layers.join(`${layer.digest} ${layer.diffId} ${options.squash === true}`, {
        signal,
        report: ([state, current]) => reporters[at]?.tell(state, current),
        start: (stop, report) =>
          fetchLayer({
            store,
            layer,
            unpack: options,
            unpacker: options.unpacker,
            signal: stop,
            fetch: (signal) => source.fetchBlob(descriptor, signal),
            report: (state, current) => report([state, current]),
          }),
      }),
  }).finally(() => reporters.forEach(({ stop }) => stop()))
  return addLosses(losses)
}
