/**
 * Images as an archive, a stream of a tar: `docker-archive` as docker save has always had it, `oci-archive` an OCI
 * layout, `dir` what skopeo calls so. The same images give the same bytes.
 */
import { createReadStream } from 'node:fs'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { Failure } from '../../runtime/errors.ts'
import { algorithmOf, createHasher, hexOf, type Digest } from '../digest.ts'
import type { Image, ImageLayer } from '../image.ts'
import { decompress } from '../layer/decompress.ts'
import { parseManifest, type Descriptor } from '../manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../media-types.ts'
import { damagedPart } from '../store/damaged.ts'
import { NAME_ANNOTATION } from '../store/layout-index.ts'
import type { Store } from '../store/store.ts'
import type { ArchiveForm } from './open.ts'

export interface SavedImage {
  readonly image: Image
  /** References to write for it. */
  readonly references: readonly string[]
}

interface Entry {
  /** Of a directory it ends with a slash. */
  readonly name: string
  readonly size: number
  /** Gives all of it, a piece when the last one was taken. */
  readonly send: (take: Take) => Promise<void>
}

type Take = (chunk: Uint8Array) => void | Promise<void>

const CHUNK = 1024 * 1024

const textEntry = (name: string, text: string | Uint8Array): Entry => {
  const bytes = Buffer.from(text)
  return { name, size: bytes.length, send: async (take) => take(bytes) }
}

/** Skopeo gives a directory that no entry names to root, which an ordinary user may not. */
const directoryEntry = (name: string): Entry => ({ name: `${name}/`, size: 0, send: () => Promise.resolve() })

const sendFile = async (path: string, take: Take): Promise<void> => {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) await take(chunk)
}

const blobEntry = (store: Store, name: string, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): Entry => ({
  name,
  size,
  send: (take) => sendFile(store.blobPath(digest), take),
})

const readManifest = async (store: Store, image: Image) => {
  const bytes = await store.readBlob(image.digest)
  const manifest = bytes === undefined ? undefined : parseManifest(bytes, OCI_MANIFEST)
  if (bytes === undefined || manifest?.kind !== 'manifest') throw damagedPart(`manifest ${image.digest}`)
  const descriptor = { mediaType: manifest.mediaType ?? OCI_MANIFEST, digest: image.digest, size: bytes.length }
  const blobs = [manifest.config, ...manifest.layers]
  // Now, while an error can still be said: later the archive would only break off.
  for (const { digest, size } of blobs) {
    const found = await stat(store.blobPath(digest)).catch(() => undefined)
    if (found?.size !== size) throw damagedPart(`blob ${digest}`)
  }
  return { bytes, manifest, descriptor, blobs }
}

const uniqueByName = (entries: readonly Entry[]): readonly Entry[] => [
  ...new Map(entries.map((entry) => [entry.name, entry])).values(),
]

const planLayout = async (store: Store, images: readonly SavedImage[]): Promise<readonly Entry[]> => {
  const entries: Entry[] = [directoryEntry('blobs')]
  const added: object[] = []
  for (const { image, references } of images) {
    const { descriptor, blobs } = await readManifest(store, image)
    for (const blob of [descriptor, ...blobs]) {
      const directory = `blobs/${algorithmOf(blob.digest)}`
      entries.push(directoryEntry(directory), blobEntry(store, `${directory}/${hexOf(blob.digest)}`, blob))
    }
    if (references.length === 0) added.push(descriptor)
    for (const name of references) added.push({ ...descriptor, annotations: { [NAME_ANNOTATION]: name } })
  }
  return [
    textEntry('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    ...entries,
    textEntry('index.json', JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: added })),
  ]
}

const sendTar = (store: Store, { digest, diffId }: ImageLayer, take: Take): Promise<void> =>
  digest === diffId
    ? sendFile(store.blobPath(digest), take)
    : decompress(createReadStream(store.blobPath(digest), { highWaterMark: CHUNK }), async (tar) => {
        for await (const chunk of tar) await take(Buffer.from(chunk))
      })

/** A tar needs its size beforehand, so a compressed layer is read twice; the first time tells whether it is whole. */
const tarEntry = async (store: Store, layer: ImageLayer): Promise<Entry> => {
  const hasher = createHasher(algorithmOf(layer.diffId))
  let size = 0
  await sendTar(store, layer, (chunk) => {
    hasher.update(chunk)
    size += chunk.length
  })
  if (hasher.digest() !== layer.diffId) throw damagedPart(`layer ${layer.digest}`)
  return { name: `${hexOf(layer.diffId)}.tar`, size, send: (take) => sendTar(store, layer, take) }
}

const planDocker = async (store: Store, images: readonly SavedImage[]): Promise<readonly Entry[]> => {
  const entries: Entry[] = []
  const list: object[] = []
  for (const { image, references } of images) {
    const { manifest } = await readManifest(store, image)
    const config = `${hexOf(image.id)}.json`
    entries.push(blobEntry(store, config, manifest.config))
    for (const layer of image.layers) {
      const name = `${hexOf(layer.diffId)}.tar`
      if (!entries.some((entry) => entry.name === name)) entries.push(await tarEntry(store, layer))
    }
    const Layers = image.layers.map(({ diffId }) => `${hexOf(diffId)}.tar`)
    list.push({ Config: config, RepoTags: references, Layers })
  }
  return [...entries, textEntry('manifest.json', JSON.stringify(list))]
}

const planDirectory = async (store: Store, images: readonly SavedImage[]): Promise<readonly Entry[]> => {
  const [first] = images
  if (first === undefined || images.length > 1)
    throw new Failure('the form dir holds one image', { id: 'image.archive', try: '--format oci-archive', status: 400 })
  const { bytes, blobs } = await readManifest(store, first.image)
  return [
    textEntry('version', 'Directory Transport Version: 1.1\n'),
    ...blobs.map((blob) => blobEntry(store, hexOf(blob.digest), blob)),
    textEntry('manifest.json', bytes),
  ]
}

/** @returns the tar, once all that can be wrong was looked at. @throws Failure `store.damaged`, `image.archive`. */
export const saveImages = async (
  store: Store,
  images: readonly SavedImage[],
  form: ArchiveForm,
): Promise<AsyncGenerator<Buffer>> => {
  const release = store.hold(images.flatMap(({ image }) => blobsOf(image)))
  try {
    const entries =
      form === 'oci-archive'
        ? await planLayout(store, images)
        : form === 'docker-archive'
          ? await planDocker(store, images)
          : await planDirectory(store, images)
    return packed(uniqueByName(entries), release)
  } catch (error) {
    release()
    throw error
  }
}

const blobsOf = ({ digest, id, layers }: Image): Digest[] => [digest, id, ...layers.map((layer) => layer.digest)]

async function* packed(entries: readonly Entry[], release: () => void): AsyncGenerator<Buffer> {
  const { pack } = await import('tar-stream')
  const tar = pack()
  const gone = new AbortController()
  const fail = (error: unknown): void => void tar.destroy(error as Error)
  const write = async (): Promise<void> => {
    for (const { name, size, send } of entries) {
      const mtime = new Date(0)
      if (name.endsWith('/')) {
        tar.entry({ name, mode: 0o755, mtime, type: 'directory' })
        continue
      }
      const entry = tar.entry({ name, size, mode: 0o644, mtime, type: 'file' })
      entry.on('error', fail)
      await send(async (chunk) => {
        gone.signal.throwIfAborted()
        if (!entry.write(chunk)) await once(entry, 'drain', { signal: gone.signal })
      })
      entry.end(null)
    }
    tar.finalize()
  }
  const written = write()
  written.catch(fail)
  try {
    yield* tar as unknown as AsyncIterable<Buffer>
    await written
  } finally {
    gone.abort()
    release()
  }
}
