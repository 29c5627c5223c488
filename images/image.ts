/** An image in the store: what its manifest and its config say, and the names that lead to it. */
import type { Digest } from './digest.ts'
import type { ImageConfig } from './image-config.ts'
import type { Platform } from './platform.ts'

export interface ImageLayer {
  /** Of the blob, as it is sent. */
  readonly digest: Digest
  /** Of the uncompressed tar. */
  readonly diffId: Digest
  /** Bytes of the blob. */
  readonly size: number
}

export interface Image {
  /** The config's digest: the image id that docker shows. */
  readonly id: Digest
  /** Full names, `docker.io/library/busybox:latest`; none when a newer pull took the last one. */
  readonly names: readonly string[]
  /** The manifest's digest. */
  readonly digest: Digest
  /** Of the entries of index.json that lead to it: the manifest's own, and those of indexes that it was chosen from. */
  readonly entries: readonly Digest[]
  /** What registries call it: the digest of the index it was chosen from, or the manifest's. */
  readonly sources: readonly Digest[]
  /** `REGISTRY/REPOSITORY@DIGEST`, of the names that a registry has it under: not of those that `tag` gave. */
  readonly repoDigests: readonly string[]
  /** Bytes of manifest, config and layer blobs, so compressed. */
  readonly size: number
  readonly platform: Platform
  readonly created?: string
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>
  readonly config: ImageConfig
  /** The lowest first. */
  readonly layers: readonly ImageLayer[]
}
