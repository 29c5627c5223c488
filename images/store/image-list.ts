/** From descriptors to images: reads manifest and config of each, and gathers the names that lead to the same one. */
import { isFailure } from '../../runtime/errors.ts'
import { parseImageConfig } from '../image-config.ts'
import { isDigest, type Digest } from '../digest.ts'
import { refuseDocument } from '../document.ts'
import type { Image } from '../image.ts'
import { nameOf, SOURCE_ANNOTATION } from './layout-index.ts'
import { parseImage, parseManifest, type Descriptor } from '../manifest.ts'
import { isIndexType, isManifestType } from '../media-types.ts'
import { hostPlatform } from '../platform.ts'
import { repositoryOf } from '../reference.ts'
import { rank } from '../resolve-manifest.ts'

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

/** The manifests that an index leads to and that are here; another tool may have put in only some of them. */
const listManifests = async (
  store: BlobReader,
  index: Descriptor,
  seen: Set<Digest> = new Set(),
): Promise<readonly Descriptor[]> => {
  if (seen.has(index.digest)) return []
  seen.add(index.digest)
  const bytes = await store.readBlob(index.digest)
  const document = bytes === undefined ? undefined : parseImage(bytes, index.mediaType)
  if (document?.kind !== 'index') return []
  const found: Descriptor[] = []
  for (const one of document.manifests)
    if (isManifestType(one.mediaType)) found.push(one)
    else if (isIndexType(one.mediaType)) found.push(...(await listManifests(store, one, seen)))
  return found
}

/** What of an index nobody can read is passed over, and the rest of it is not. */
const unlessBad = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    if (isFailure(error) && error.facts.id === 'image.document') return undefined
    throw error
  })

/** Of an index the image for this machine; where it has none, the first: listed, it can be removed. */
const readEntry = async (store: BlobReader, entry: Descriptor): Promise<Image | undefined> => {
  if (isManifestType(entry.mediaType)) return readImage(store, entry)
  const manifests = (await unlessBad(listManifests(store, entry))) ?? []
  const fitting = rank(hostPlatform(), manifests).map(({ descriptor }) => descriptor)
  for (const manifest of new Set([...fitting, ...manifests])) {
    const image = await unlessBad(readImage(store, manifest))
    if (image !== undefined) return image
  }
  return undefined
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
    entries: [],
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
  for (const entry of entries.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType))) {
    const read = images.get(entry.digest) ?? (await readEntry(store, entry))
    if (read === undefined) continue
    const name = nameOf(entry)
    // Another tool may add one of the same name, written otherwise: the last one has it.
    for (const [digest, image] of images)
      if (name !== undefined && image.names.includes(name))
        images.set(digest, { ...image, names: image.names.filter((one) => one !== name) })
    const known = images.get(read.digest) ?? read
    const told = entry.annotations?.[SOURCE_ANNOTATION]
    const source = told !== undefined && isDigest(told) ? told : undefined
    images.set(read.digest, {
      ...known,
      names: name === undefined ? known.names : [...known.names, name],
      entries: withOne(known.entries, entry.digest),
      sources: withOne(known.sources, source),
      repoDigests: withOne(
        known.repoDigests,
        source === undefined || name === undefined ? undefined : `${repositoryOf(name)}@${source}`,
      ),
    })
  }
  return [...images.values()]
}
