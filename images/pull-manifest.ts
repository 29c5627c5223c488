/** The small documents of a pull: what a reference's name means today, and for which platform. */
import { Failure } from '../runtime/errors.ts'
import { algorithmOf, digestMismatch, digestOf, type Digest } from './digest.ts'
import { parseManifest, type Descriptor } from './manifest.ts'
import { OCI_MANIFEST, isManifestType } from './media-types.ts'
import { chooseManifest, type Platform } from './platform.ts'
import type { Reference } from './reference.ts'
import type { Registry } from './registry/registry.ts'
import type { Store } from './store/store.ts'

export interface ResolvedManifest {
  /** Of the manifest itself, without platform or annotations. */
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  /** What the registry calls the name: the index's digest, else the manifest's. */
  readonly source: Digest
}

interface Place {
  readonly registry: Registry
  readonly store: Store
  readonly reference: Reference
  readonly options: { readonly signal?: AbortSignal }
}

export const indexInIndex = (): Failure =>
  new Failure('image index holds another index', { id: 'image.document', why: 'glasspod follows one level' })

/** One request; a second one when an index leads to a manifest that is not in the store. */
export const resolveManifest = async (place: Place, wanted: Platform): Promise<ResolvedManifest> => {
  const { registry, store, reference, options } = place
  const { bytes, digest, contentType } = await registry.fetchManifest(reference, options.signal)
  const top = parseManifest(bytes, contentType)
  if (top.kind === 'manifest') {
    const type = contentType.split(';')[0]?.trim() ?? ''
    const mediaType = top.mediaType ?? (isManifestType(type) ? type : OCI_MANIFEST)
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes, source: digest }
  }
  const { mediaType, digest: chosen, size } = chooseManifest(top, wanted)
  const descriptor = { mediaType, digest: chosen, size }
  const saved = await store.readBlob(chosen)
  if (saved !== undefined) return { descriptor, bytes: saved, source: digest }
  const { repository, registry: host } = reference
  const fetched = await registry.fetchManifest({ registry: host, repository, digest: chosen }, options.signal)
  return { descriptor, bytes: fetched.bytes, source: digest }
}

interface Small {
  readonly reference: Reference
  readonly descriptor: Descriptor
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/** A blob to keep in memory, verified. @throws Failure `registry.size`, `registry.digest`. */
export const fetchSmall = async (
  registry: Registry,
  { reference, descriptor, limit, signal }: Small,
): Promise<Buffer> => {
  const what = `blob ${descriptor.digest}`
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of await registry.fetchBlob(reference, descriptor, signal)) {
    size += chunk.length
    if (size > limit) throw new Failure(`${what} has more than ${limit} bytes`, { id: 'registry.size' })
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const got = digestOf(bytes, algorithmOf(descriptor.digest))
  if (got !== descriptor.digest) throw digestMismatch(what, descriptor.digest, got)
  return bytes
}

/** @returns false when it was there. */
export const saveSmall = async (store: Store, digest: Digest, bytes: Buffer): Promise<boolean> => {
  if (await store.hasBlob(digest)) return false
  const writer = await store.writeBlob({ digest, size: bytes.length })
  writer.write(bytes)
  await writer.commit()
  return true
}
