/**
 * Descriptor, image index and image manifest: OCI image-spec descriptor.md, image-index.md, manifest.md, and
 * Docker's manifest list and schema 2, which have the same fields under other media types. Pure.
 */
import { Failure, isFailure } from '../runtime/errors.ts'
import { isDigest, type Digest } from './digest.ts'
import {
  arrayField,
  optionalObject,
  optionalString,
  optionalStringMap,
  parseDocument,
  refuseDocument,
  sizeField,
  stringField,
  toDocument,
  type Document,
} from './document.ts'
import {
  isConfigType,
  isForeignLayerType,
  isIndexType,
  isLayerType,
  isManifestType,
  isSchema1Type,
} from './media-types.ts'
import { toPlatform, type Platform } from './platform.ts'

/** Registries accept manifests of up to 4 MiB (OCI distribution-spec, "Pushing Manifests"). */
export const MANIFEST_LIMIT = 4 * 1024 * 1024

export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes of the blob as it is stored and sent. */
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ImageIndex {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
}

export interface ImageManifest {
  readonly kind: 'manifest'
  /** As the document itself says. */
  readonly mediaType?: string
  readonly config: Descriptor
  /** The lowest layer first. */
  readonly layers: readonly Descriptor[]
  readonly annotations: Readonly<Record<string, string>>
}

const digestField = (document: Document, key: string): Digest => {
  const text = stringField(document, key)
  return isDigest(text) ? text : refuseDocument(document.what, `${key} is not a digest`)
}

/** @throws Failure `image.document`. */
export const toDescriptor = (value: unknown, what: string): Descriptor => {
  const document = toDocument(value, what)
  const platform = optionalObject(document, 'platform')
  const annotations = optionalStringMap(document, 'annotations')
  return {
    mediaType: stringField(document, 'mediaType'),
    digest: digestField(document, 'digest'),
    size: sizeField(document, 'size'),
    ...(platform !== undefined && { platform: toPlatform(platform) }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
}

const toIndex = (document: Document): ImageIndex => ({
  kind: 'index',
  manifests: arrayField(document, 'manifests').map((item, at) =>
    toDescriptor(item, `manifest ${at} of ${document.what}`),
  ),
})

const toManifest = (document: Document): ImageManifest => {
  const config = toDescriptor(document.fields['config'], `config of ${document.what}`)
  if (!isConfigType(config.mediaType)) {
    throw new Failure(`not a container image: its config is of type ${config.mediaType}`, {
      id: 'image.kind',
      why: 'registries also keep charts, signatures and other artefacts, which cannot be run',
    })
  }
  const layers = arrayField(document, 'layers').map((item, at) => {
    const layer = toDescriptor(item, `layer ${at} of ${document.what}`)
    if (isLayerType(layer.mediaType)) return layer
    if (isForeignLayerType(layer.mediaType))
      throw new Failure(`layer ${layer.digest} is a foreign one`, {
        id: 'image.layer-type',
        why: 'its maker forbade registries to have it; it is to be fetched from an address that the image names, which may be any',
        found: layer.mediaType,
        try: 'an image without such layers; those of Windows have them',
      })
    throw new Failure(`layer ${layer.digest} is of type ${layer.mediaType}, which glasspod cannot unpack`, {
      id: 'image.layer-type',
      try: 'push the image again with gzip or zstd layers',
    })
  })
  const mediaType = optionalString(document, 'mediaType')
  const annotations = optionalStringMap(document, 'annotations')
  return { kind: 'manifest', ...(mediaType !== undefined && { mediaType }), config, layers, annotations }
}

/**
 * @param contentType of the HTTP answer or the descriptor; the document's own mediaType wins.
 * @throws Failure `image.document`, `image.kind`, `image.layer-type`, `image.schema1`.
 */
export const parseManifest = (bytes: Uint8Array, contentType: string): ImageIndex | ImageManifest => {
  const document = parseDocument(bytes, 'image manifest')
  const type = optionalString(document, 'mediaType') ?? contentType.split(';')[0]?.trim() ?? ''
  if (isSchema1Type(type) || document.fields['schemaVersion'] === 1) {
    throw new Failure('image manifest is in Docker schema 1, which is no longer supported', {
      id: 'image.schema1',
      try: 'push the image again with a newer tool',
    })
  }
  if (document.fields['schemaVersion'] !== 2) return refuseDocument(document.what, 'schemaVersion is not 2')
  // A document with both lists could be read as either, so that two tools see two images (CVE-2021-41190).
  if (document.fields['manifests'] !== undefined && document.fields['layers'] !== undefined) {
    return refuseDocument(document.what, 'has both manifests and layers')
  }
  if (isIndexType(type)) return toIndex(document)
  if (isManifestType(type)) return toManifest(document)
  if (type !== '' && !/^(?:application\/(?:json|octet-stream)|text\/plain)$/.test(type)) {
    return refuseDocument(document.what, `is of unknown type ${type}`)
  }
  return document.fields['manifests'] === undefined ? toManifest(document) : toIndex(document)
}

const NO_IMAGE: readonly (string | undefined)[] = ['image.kind', 'image.layer-type', 'image.schema1']

/** Undefined for what is right in itself, and no image that can be unpacked here. @throws Failure `image.document`. */
export const parseImage = (bytes: Uint8Array, contentType: string): ImageIndex | ImageManifest | undefined => {
  try {
    return parseManifest(bytes, contentType)
  } catch (error) {
    if (isFailure(error) && NO_IMAGE.includes(error.facts.id)) return undefined
    throw error
  }
}
