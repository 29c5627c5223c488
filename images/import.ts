/** An image of one layer from the tar of a root directory, as docker import makes it. */
import { createReadStream, openSync, closeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunConfig } from './changes.ts'
import { createHasher, digestOf } from './digest.ts'
import { decompress } from './layer/decompress.ts'
import type { Descriptor } from './manifest.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from './media-types.ts'
import { hostPlatform, type Platform } from './platform.ts'
import type { ImageSource } from './source.ts'
import { temporaryName } from './store/atomic-file.ts'
import type { Store } from './store/store.ts'
import { writeWhole } from './store/write-whole.ts'
import { takeImage, type Taken, type TakeOptions } from './take-image.ts'

export interface ImportOptions extends TakeOptions {
  /** Full names to give it. */
  readonly names: readonly string[]
  readonly config: RunConfig
  readonly comment: string
  /** What the history says that it was made by. */
  readonly createdBy: string
}

const CHUNK = 1024 * 1024

/** Kept as it is unpacked: its digest is then its DiffID, and is known only at the end. */
const stageTar = async (
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Pick<Descriptor, 'digest' | 'size'>> => {
  const hasher = createHasher()
  const descriptor = openSync(path, 'wx', 0o600)
  let size = 0
  try {
    await decompress(chunks, async (tar) => {
      for await (const chunk of tar) {
        hasher.update(chunk)
        size += chunk.length
        writeWhole(descriptor, chunk)
      }
    })
  } finally {
    closeSync(descriptor)
  }
  return { digest: hasher.digest(), size }
}

const makeConfig = (platform: Platform, diffId: string, options: ImportOptions): Buffer => {
  const created = new Date().toISOString()
  const { os, architecture, variant } = platform
  return Buffer.from(
    JSON.stringify({
      created,
      os,
      architecture,
      ...(variant !== undefined && { variant }),
      config: options.config,
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [
        { created, created_by: options.createdBy, ...(options.comment !== '' && { comment: options.comment }) },
      ],
    }),
  )
}

const describe = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
})

/** @throws Failure `image.layer` for what is no tar, and those of takeImage; then nothing is left. */
export const importImage = async (
  store: Store,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<Taken> => {
  const path = temporaryName(join(store.directory, 'incoming'))
  try {
    const layer = { mediaType: OCI_LAYER, ...(await stageTar(path, chunks)) }
    const config = makeConfig(options.platform ?? hostPlatform(), layer.digest, options)
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: describe(OCI_CONFIG, config),
        layers: [layer],
      }),
    )
    const source: ImageSource = {
      what: 'import',
      where: (blob) => `import${blob === undefined ? '' : `/${blob}`}`,
      fetchManifest: () => Promise.resolve({ bytes: manifest, digest: digestOf(manifest), contentType: OCI_MANIFEST }),
      fetchBlob: ({ digest }) =>
        Promise.resolve(
          (async function* (): AsyncGenerator<Uint8Array, undefined> {
            if (digest === layer.digest)
              yield* createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>
            else yield config
            return undefined
          })(),
        ),
    }
    return await takeImage(store, source, { names: options.names, options })
  } finally {
    await rm(path, { force: true })
  }
}
