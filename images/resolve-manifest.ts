/**
 * From what a name leads to, through indexes and indexes in them, to the one manifest for a platform: the best fit of
 * all that are offered; of equals the first. Nothing is trusted for its size or digest.
 */
import { Failure } from '../runtime/errors.ts'
import { algorithmOf, digestMismatch, digestOf, type Digest } from './digest.ts'
import { MANIFEST_LIMIT, parseManifest, type Descriptor, type ImageIndex } from './manifest.ts'
import { isIndexType, isManifestType, OCI_MANIFEST } from './media-types.ts'
import { distanceTo, formatPlatform, notMadeFor, type Platform } from './platform.ts'
import type { FetchedManifest, ImageSource } from './source.ts'

export interface ResolvedManifest {
  /** Of the manifest itself. */
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  /** What the name itself leads to: the index's digest, else the manifest's. */
  readonly source: Digest
  /** Platforms that an index offered; empty without one. */
  readonly offered: readonly Platform[]
}

interface Resolving {
  readonly source: ImageSource
  /** Documents that are here already. */
  readonly read: (digest: Digest) => Promise<Buffer | undefined>
  readonly wanted: Platform
  readonly signal?: AbortSignal | undefined
}

/** Indexes in indexes, and how many of them are looked into at all. */
const DEPTH_LIMIT = 4
const INDEX_LIMIT = 32

interface Candidate {
  readonly descriptor: Descriptor
  /** As distanceTo has it; one that does not say what it is for comes last. */
  readonly far: number
}

interface Search {
  readonly offered: Platform[]
  readonly seen: Set<Digest>
}

/** @throws Failure `image.platform`, `image.document`, `registry.*`. */
export const resolveManifest = async (resolving: Resolving): Promise<ResolvedManifest> => {
  const top = await resolving.source.fetchManifest(undefined, resolving.signal)
  const parsed = parseManifest(top.bytes, top.contentType)
  if (parsed.kind === 'manifest') {
    const type = top.contentType.split(';')[0]?.trim() ?? ''
    const mediaType = parsed.mediaType ?? (isManifestType(type) ? type : OCI_MANIFEST)
    const descriptor = { mediaType, digest: top.digest, size: top.bytes.length }
    return { descriptor, bytes: top.bytes, source: top.digest, offered: [] }
  }
  const search: Search = { offered: [], seen: new Set([top.digest]) }
  const best = await findBest(resolving, parsed, { search, depth: 1 })
  if (best === undefined) throw notMadeFor(resolving.wanted, search.offered)
  const { descriptor } = best
  const { bytes } = await fetchChild(resolving, descriptor)
  const { mediaType, digest, size } = descriptor
  return { descriptor: { mediaType, digest, size }, bytes, source: top.digest, offered: search.offered }
}

/** The nearest manifest in this index; only where none fits exactly are the indexes in it looked into. */
const findBest = async (
  resolving: Resolving,
  index: ImageIndex,
  { search, depth }: { search: Search; depth: number },
): Promise<Candidate | undefined> => {
  const { wanted } = resolving
  const manifests = index.manifests.filter(({ mediaType }) => isManifestType(mediaType))
  search.offered.push(...manifests.flatMap(({ platform }) => platform ?? []))
  let best = rank(wanted, manifests)[0]
  for (const descriptor of index.manifests.filter(({ mediaType }) => isIndexType(mediaType))) {
    if (best?.far === 0) return best
    if (descriptor.platform !== undefined && distanceTo(wanted, descriptor.platform) === undefined) continue
    if (search.seen.has(descriptor.digest)) continue
    search.seen.add(descriptor.digest)
    if (depth >= DEPTH_LIMIT || search.seen.size > INDEX_LIMIT) {
      throw new Failure('image index goes too deep', {
        id: 'image.document',
        why: `indexes in indexes are followed ${DEPTH_LIMIT} deep, and ${INDEX_LIMIT} of them in all`,
      })
    }
    const { bytes } = await fetchChild(resolving, descriptor)
    const inner = parseManifest(bytes, descriptor.mediaType)
    if (inner.kind !== 'index')
      throw new Failure('image index holds a manifest that it calls an index', { id: 'image.document' })
    best = [best ?? [], (await findBest(resolving, inner, { search, depth: depth + 1 })) ?? []].flat().sort(compare)[0]
  }
  return best
}

/** Those that run there, the nearest first, and of equals the first. */
export const rank = (wanted: Platform, manifests: readonly Descriptor[]): readonly Candidate[] =>
  manifests
    .flatMap((descriptor): Candidate | [] => {
      const far = descriptor.platform === undefined ? Infinity : distanceTo(wanted, descriptor.platform)
      return far === undefined ? [] : { descriptor, far }
    })
    .sort(compare)

/** Not a difference: two infinities have none. */
const compare = (a: Candidate, b: Candidate): number => (a.far === b.far ? 0 : a.far < b.far ? -1 : 1)

const fetchChild = async (
  { source, read, signal }: Resolving,
  descriptor: Descriptor,
): Promise<Pick<FetchedManifest, 'bytes'>> => {
  const what = `manifest ${descriptor.digest}`
  if (descriptor.size > MANIFEST_LIMIT) {
    throw new Failure(`${what} has more than ${MANIFEST_LIMIT} bytes`, {
      id: 'registry.size',
      found: `${descriptor.size} bytes, says its index`,
    })
  }
  const saved = await read(descriptor.digest)
  if (saved !== undefined) return { bytes: saved }
  const fetched = await source.fetchManifest(descriptor, signal)
  checkBytes(fetched.bytes, descriptor, what)
  return fetched
}

/** @throws Failure `registry.size`, `registry.digest`. */
export const checkBytes = (
  bytes: Uint8Array,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  what: string,
): void => {
  if (bytes.length !== size) {
    throw new Failure(`${what} has another size than promised`, {
      id: 'registry.size',
      found: `${bytes.length} bytes, promised ${size}`,
    })
  }
  const got = digestOf(bytes, algorithmOf(digest))
  if (got !== digest) throw digestMismatch(what, digest, got)
}

/** A blob to keep in memory, verified; too large is refused before a byte of it is asked for. */
export const fetchSmall = async (
  source: ImageSource,
  { descriptor, limit, signal }: { descriptor: Descriptor; limit: number; signal: AbortSignal | undefined },
): Promise<Buffer> => {
  const what = `blob ${descriptor.digest}`
  if (descriptor.size > limit) {
    throw new Failure(`${what} has more than ${limit} bytes`, {
      id: 'registry.size',
      found: `${descriptor.size} bytes, says the manifest`,
    })
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of await source.fetchBlob(descriptor, signal)) {
    size += chunk.length
    if (size > descriptor.size) break
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  if (size > descriptor.size) throw new Failure(`${what} is longer than the manifest says`, { id: 'registry.size' })
  checkBytes(bytes, descriptor, what)
  return bytes
}

/** `linux/arm/v7 (of linux/amd64, linux/arm/v7)`: what was chosen, and out of what. */
export const describeChoice = (chosen: Platform, offered: readonly Platform[]): string => {
  const others = [...new Set(offered.filter(({ os }) => os !== 'unknown').map(formatPlatform))]
  return others.length === 0 ? formatPlatform(chosen) : `${formatPlatform(chosen)} (of ${others.join(', ')})`
}
