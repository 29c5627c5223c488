/** From descriptors to images: reads manifest and config of each, and gathers the names that lead to the same one. */
import { parseImageConfig } from '../image-config.ts'
import type { Digest } from '../digest.ts'
import { refuseDocument } from '../document.ts'
import type { Image } from '../image.ts'
import { nameOf, SOURCE_ANNOTATION } from './layout-index.ts'
import { parseImage, parseManifest, type Descriptor } from '../manifest.ts'
import { repositoryOf } from '../reference.ts'
import { isManifestType } from '../media-types.ts'
import { isDigest } from '../digest.ts'

/** What is read here of a store, so that this file and store.ts do not need each other. */
export interface BlobReader {
  readBlob(digest: Digest): Promise<Buffer | undefined>
}

/** Undefined when a blob of it is not here, or it is no image: other tools put charts and signatures into layouts too. */
const readImage = async (store: BlobReader, descriptor: Descriptor): Promise<Image | undefined> => {
  const bytes = await store.readBlob(descriptor.digest)
  if (bytes === undefined) return undefined
  const manifest = parseImage(bytes, descriptor.mediaType)
  if (manifest?.kind !== 'manifest') return undefined
  const configBytes = await store.readBlob(manifest.config.digest)
  if (configBytes === undefined) return undefined
  return toImage(descriptor, { bytes, configBytes })
}

/** @throws Failure `image.document` when manifest and config do not fit together. */
export const toImage = (
  { digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>,
  { bytes, configBytes }: { bytes: Uint8Array; configBytes: Uint8Array },
): Image => {
  const manifest = parseManifest(bytes, mediaType)
  if (manifest.kind !== 'manifest') return refuseDocument('image manifest', 'is an index')
  const config = parseImageConfig(configBytes)
  if (config.diffIds.length !== manifest.layers.length) {
    refuseDocument('image config', `names ${config.diffIds.length} layers, its manifest ${manifest.layers.length}`)
  }
  return {
    id: manifest.config.digest,
    names: [],
    digest,
    sources: [],
    repoDigests: [],
    size: bytes.length + manifest.config.size + manifest.layers.reduce((sum, { size }) => sum + size, 0),
    platform: config.platform,
    ...(config.created !== undefined && { created: config.created }),
    annotations: manifest.annotations,
    config,
    layers: manifest.layers.map((layer, at) => ({
      digest: layer.digest,
      size: layer.size,
      diffId: config.diffIds[at] ?? refuseDocument('image config', `has no layer ${at}`),
    })),
  }
}

const withOne = <T>(all: readonly T[], one: T | undefined): readonly T[] =>
  one === undefined || all.includes(one) ? all : [...all, one]

/** One image for each manifest, in the order of index.json. */
export const readImages = async (store: BlobReader, entries: readonly Descriptor[]): Promise<readonly Image[]> => {
  const images = new Map<Digest, Image>()
  for (const entry of entries.filter(({ mediaType }) => isManifestType(mediaType))) {
    const read = images.get(entry.digest) ?? (await readImage(store, entry))
    if (read === undefined) continue
    const name = nameOf(entry)
    // Another tool may add one of the same name, written otherwise: the last one has it.
    for (const [digest, image] of images)
      if (name !== undefined && image.names.includes(name))
        images.set(digest, { ...image, names: image.names.filter((one) => one !== name) })
    const known = images.get(entry.digest) ?? read
    const told = entry.annotations?.[SOURCE_ANNOTATION]
    const source = told !== undefined && isDigest(told) ? told : undefined
    images.set(entry.digest, {
      ...known,
      names: name === undefined ? known.names : [...known.names, name],
      sources: withOne(known.sources, source),
      repoDigests: withOne(
        known.repoDigests,
        source === undefined || name === undefined ? undefined : `${repositoryOf(name)}@${source}`,
      ),
    })
  }
  return [...images.values()]
}
