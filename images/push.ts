/** From the store to a registry: the blobs that it does not have, some at a time, then the manifest as it is. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Failure } from '../runtime/errors.ts'
import { counted } from './counted.ts'
import type { Digest } from './digest.ts'
import type { Image } from './image.ts'
import { parseManifest, type Descriptor } from './manifest.ts'
import { OCI_MANIFEST } from './media-types.ts'
import { formatReference, repositoryOf, type Reference } from './reference.ts'
import { placesOf, type RegistriesConf } from './registry/registries-conf.ts'
import type { Registry } from './registry/registry.ts'
import { Uploader } from './registry/upload.ts'
import { startBounded } from './start-bounded.ts'
import { throttled } from './throttle.ts'
import { damagedPart } from './store/damaged.ts'
import type { Store } from './store/store.ts'

export interface PushProgress {
  readonly blob: Digest
  readonly state: 'preparing' | 'pushing' | 'pushed' | 'exists' | 'mounted'
  readonly current: number
  readonly total: number
}

export interface PushOptions {
  readonly registry: Registry
  readonly conf: RegistriesConf
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: PushProgress) => void
}

export interface Pushed {
  readonly digest: Digest
  /** Bytes of the manifest. */
  readonly size: number
}

const BLOBS_AT_ONCE = 3
const CHUNK = 1024 * 1024

/** Repositories of that registry that an image with this blob came from, or went to. */
const repositoryWith = (
  images: readonly Image[],
  { registry, repository }: Reference,
  blob: Digest,
): string | undefined =>
  images
    .filter(({ id, layers }) => id === blob || layers.some(({ digest }) => digest === blob))
    .flatMap(({ names }) => names)
    .filter((name) => name.startsWith(`${registry}/`))
    .map((name) => repositoryOf(name).slice(registry.length + 1))
    .find((other) => other !== repository)

/** @throws Failure `registry.*`, `image.push`, `store.damaged`. */
export const push = async (store: Store, image: Image, target: Reference, options: PushOptions): Promise<Pushed> => {
  if (target.digest !== undefined && target.digest !== image.digest)
    throw new Failure(`image cannot be pushed as ${formatReference(target)}`, {
      id: 'image.push',
      why: 'a digest names content, and this is other content',
      found: `its manifest is ${image.digest}`,
      status: 400,
    })
  const bytes = await store.readBlob(image.digest)
  if (bytes === undefined) throw damagedPart(`blob ${image.digest}`, 'its manifest is not there')
  const manifest = parseManifest(bytes, OCI_MANIFEST)
  if (manifest.kind === 'index') throw new Error('an image whose manifest is an index')
  const blobs = [...new Map([...manifest.layers, manifest.config].map((blob) => [blob.digest, blob])).values()]
  const release = store.hold([
    image.digest,
    ...image.layers.map(({ diffId }) => diffId),
    ...blobs.map(({ digest }) => digest),
  ])
  try {
    // Mirrors are for pulling: what is pushed goes to the registry itself.
    const place = placesOf(options.conf, target).at(-1)
    if (place === undefined) throw new Error('a reference without a place')
    const uploader = new Uploader(options.registry, place, options.signal)
    const images = await store.list()
    for (const { digest, size } of blobs)
      options.onProgress?.({ blob: digest, state: 'preparing', current: 0, total: size })
    await startBounded(blobs, {
      limit: BLOBS_AT_ONCE,
      signal: options.signal,
      start: (blob) => pushBlob({ store, uploader, options }, blob, repositoryWith(images, target, blob.digest)),
    })
    const mediaType = manifest.mediaType ?? OCI_MANIFEST
    await uploader.manifest(bytes, { mediaType, digest: image.digest }, target.tag ?? image.digest)
    await store.noteSource(image.digest, formatReference(target))
    return { digest: image.digest, size: bytes.length }
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new Failure(`push to ${formatReference(target)} was cancelled`, { id: 'image.cancelled' })
  } finally {
    release()
  }
}

interface Job {
  readonly store: Store
  readonly uploader: Uploader
  readonly options: PushOptions
}

const pushBlob = async (
  { store, uploader, options }: Job,
  blob: Descriptor,
  from: string | undefined,
): Promise<void> => {
  const { digest, size } = blob
  const path = store.blobPath(digest)
  const found = await stat(path).catch(() => undefined)
  if (found?.size !== size)
    throw damagedPart(
      `blob ${digest}`,
      found === undefined ? `no file ${path}` : `${path} has ${found.size} of ${size} bytes`,
    )
  const { tell, stop } = throttled((state: PushProgress['state'], current) =>
    options.onProgress?.({ blob: digest, state, current, total: size }),
  )
  const read = (): AsyncIterable<Uint8Array> => {
    const file = createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>
    return counted(file, (current) => tell('pushing', current))
  }
  try {
    tell(await uploader.blob({ descriptor: blob, from, read }), size)
  } finally {
    stop()
  }
}
