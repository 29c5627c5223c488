/**
 * The image config blob: what to run by default, for which platform, and the DiffIDs (digests of the uncompressed
 * tars) of its layers. OCI image-spec config.md; Docker's config has the same fields. Pure.
 */
import { isDigest, type Digest } from './digest.ts'
import {
  arrayField,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseDocument,
  refuseDocument,
  toDocument,
  type Document,
} from './document.ts'
import { toPlatform, type Platform } from './platform.ts'

/** A config of more than this is not one: Docker's own limit on a manifest, doubled. */
export const CONFIG_LIMIT = 8 * 1024 * 1024

export interface ImageConfig {
  readonly platform: Platform
  /** RFC 3339, when the builder said so. */
  readonly created?: string
  /** The lowest layer first, one for each layer of the manifest. */
  readonly diffIds: readonly Digest[]
  /** `NAME=value`. */
  readonly env: readonly string[]
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** `name`, `uid`, `name:group`, `uid:gid`; empty is root. */
  readonly user: string
  /** Empty is `/`. */
  readonly workingDir: string
  readonly labels: Readonly<Record<string, string>>
  /** `80/tcp`. */
  readonly exposedPorts: readonly string[]
  /** Paths that want a volume. */
  readonly volumes: readonly string[]
  /** `SIGTERM`, `15`; undefined is SIGTERM. */
  readonly stopSignal?: string
}

const EMPTY: Document = { what: 'config', fields: {} }

const keysOf = (document: Document, key: string): readonly string[] =>
  Object.keys(optionalObject(document, key)?.fields ?? {})

const diffIdsOf = (document: Document): readonly Digest[] => {
  const rootfs = toDocument(document.fields['rootfs'], `rootfs of ${document.what}`)
  return arrayField(rootfs, 'diff_ids').map((item, at) =>
    typeof item === 'string' && isDigest(item) ? item : refuseDocument(rootfs.what, `diff_ids[${at}] is not a digest`),
  )
}

/** @throws Failure `image.document`. */
export const parseImageConfig = (bytes: Uint8Array): ImageConfig => {
  const document = parseDocument(bytes, 'image config')
  const run = optionalObject(document, 'config') ?? EMPTY
  const created = optionalString(document, 'created')
  const stopSignal = optionalString(run, 'StopSignal')
  return {
    platform: toPlatform(document),
    ...(created !== undefined && { created }),
    diffIds: diffIdsOf(document),
    env: optionalStrings(run, 'Env'),
    entrypoint: optionalStrings(run, 'Entrypoint'),
    cmd: optionalStrings(run, 'Cmd'),
    user: optionalString(run, 'User') ?? '',
    workingDir: optionalString(run, 'WorkingDir') ?? '',
    labels: optionalStringMap(run, 'Labels'),
    exposedPorts: keysOf(run, 'ExposedPorts'),
    volumes: keysOf(run, 'Volumes'),
    ...(stopSignal !== undefined && stopSignal !== '' && { stopSignal }),
  }
}
