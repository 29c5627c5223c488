/**
 * A digest names content by its hash: `sha256:` and 64 hex digits (OCI image-spec, descriptor.md#digests).
 * Blobs, manifests, image ids and DiffIDs are all digests; the type is branded so that a plain string never is one.
 */
import { createHash } from 'node:crypto'
import { Failure } from '../runtime/errors.ts'

declare const digestBrand: unique symbol
export type Digest = string & { readonly [digestBrand]: true }

const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 }

export const isDigest = (text: string): text is Digest => {
  const colon = text.indexOf(':')
  const hex = text.slice(colon + 1)
  return HEX_LENGTH[text.slice(0, colon)] === hex.length && /^[0-9a-f]+$/.test(hex)
}

/** @throws Failure `image.digest` when the text is not a sha256 or sha512 digest. */
export const parseDigest = (text: string): Digest => {
  if (isDigest(text)) return text
  throw new Failure(`not a digest: ${JSON.stringify(text.slice(0, 160))}`, {
    id: 'image.digest',
    why: 'a digest is sha256: and 64 lower-case hex digits, or sha512: and 128',
    status: 400,
  })
}

export const algorithmOf = (digest: Digest): string => digest.slice(0, digest.indexOf(':'))
export const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1)

/** A running hash: `update` with each chunk, `digest` once at the end. */
export interface Hasher {
  update(chunk: Uint8Array): void
  digest(): Digest
}

export const createHasher = (algorithm = 'sha256'): Hasher => {
  const hash = createHash(algorithm)
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => `${algorithm}:${hash.digest('hex')}` as Digest,
  }
}

export const digestOf = (bytes: Uint8Array, algorithm = 'sha256'): Digest => {
  const hasher = createHasher(algorithm)
  hasher.update(bytes)
  return hasher.digest()
}

export const digestMismatch = (what: string, wanted: Digest, got: Digest): Failure =>
  new Failure(`${what} does not match its digest`, {
    id: 'registry.digest',
    why: 'it was damaged or changed on the way',
    found: `wanted ${wanted}, got ${got}`,
    try: 'pull again; if it stays, the registry holds a damaged copy',
  })
