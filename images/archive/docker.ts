/**
 * One image of `docker save` as a source. The archive has a config and the layers' tars, but no manifest, so one is
 * made: layers stay as they are there, as a rule uncompressed, so that their digest is their DiffID.
 */
import { createHasher, digestOf, type Digest } from '../digest.ts'
import { CONFIG_LIMIT, parseImageConfig } from '../image-config.ts'
import { detectCompression } from '../layer/decompress.ts'
import type { Descriptor } from '../manifest.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../media-types.ts'
import type { ImageSource } from '../source.ts'
import { badArchive, STAGED, type StagedFiles } from './stage.ts'

interface Told {
  /** Names of files in the archive. */
  readonly config: string
  readonly layers: readonly string[]
}

/** Reads the whole file only where its name and the config do not say what it must be. */
const describeLayer = async (files: StagedFiles, name: string, diffId: Digest): Promise<Descriptor> => {
  const size = files.sizeOf(name)
  const hasher = createHasher()
  let head: Uint8Array = Buffer.alloc(0)
  for await (const chunk of files.open(name)) {
    if (head.length === 0) head = chunk
    if (detectCompression(head) === 'none') return { mediaType: OCI_LAYER, digest: diffId, size }
    hasher.update(chunk)
  }
  const compression = detectCompression(head)
  const mediaType = compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`
  return { mediaType, digest: hasher.digest(), size }
}

const makeManifest = async (
  files: StagedFiles,
  told: Told,
): Promise<{ bytes: Buffer; paths: ReadonlyMap<Digest, string> }> => {
  const configBytes = await files.read(told.config, CONFIG_LIMIT)
  const { diffIds } = parseImageConfig(configBytes)
  if (diffIds.length !== told.layers.length)
    throw badArchive(`${told.config} names ${diffIds.length} layers, manifest.json ${told.layers.length}`)
  const layers: Descriptor[] = []
  for (const [at, diffId] of diffIds.entries()) layers.push(await describeLayer(files, told.layers[at] ?? '', diffId))
  const config = { mediaType: OCI_CONFIG, digest: digestOf(configBytes), size: configBytes.length }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
  const paths = layers.map(({ digest }, at): [Digest, string] => [digest, told.layers[at] ?? ''])
  return { bytes, paths: new Map([...paths, [config.digest, told.config]]) }
}

export const openDockerImage = (files: StagedFiles, told: Told): ImageSource => {
  let made: ReturnType<typeof makeManifest> | undefined
  let known: ReadonlyMap<Digest, string> = new Map()
  const manifest = async () => {
    const { bytes, paths } = await (made ??= makeManifest(files, told))
    known = paths
    return { bytes, paths }
  }
  return {
    what: 'docker-archive',
    where: (blob) => `${STAGED}/${blob === undefined ? 'manifest.json' : (known.get(blob) ?? blob)}`,
    fetchManifest: async () => {
      const { bytes } = await manifest()
      return { bytes, digest: digestOf(bytes), contentType: OCI_MANIFEST }
    },
    fetchBlob: async ({ digest }) => {
      const { paths } = await manifest()
      const path = paths.get(digest)
      if (path === undefined) throw badArchive(`${digest} is not in it`)
      return files.open(path)
    },
  }
}
