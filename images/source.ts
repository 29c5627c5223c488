/** Where an image comes from: a registry, a layout, an archive, a directory. What comes is checked by who takes it. */
import type { Digest } from './digest.ts'
import type { Descriptor } from './manifest.ts'

export interface FetchedManifest {
  readonly bytes: Buffer
  /** Of the bytes that came. */
  readonly digest: Digest
  /** What was said of them, which the document itself may correct. */
  readonly contentType: string
}

export interface ImageSource {
  /** For sentences: `registry docker.io`, `oci:/tmp/x`. */
  readonly what: string
  /** Where the image's manifest is, or one of its blobs: as a URL, or as a path that a shell would have. */
  where(blob?: Digest): string
  /** The image itself without a descriptor, else a manifest or index that it leads to. @throws Failure. */
  fetchManifest(descriptor: Descriptor | undefined, signal?: AbortSignal): Promise<FetchedManifest>
  /** Unverified. @throws Failure at once or while it is read. */
  fetchBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<AsyncGenerator<Uint8Array, undefined>>
}
