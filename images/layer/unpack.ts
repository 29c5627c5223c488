/**
 * A layer's blob becomes a directory that overlayfs can use as one of its lower ones. Must run as "root" of the user
 * namespace whose ids the files are to have. The archive is hostile until its DiffID says otherwise, which is known
 * only at its end: see layer-tree.ts and tar-entry.ts for what it cannot do.
 */
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { createHasher, type Digest } from '../digest.ts'
import { LayerWriter } from './writer.ts'
import { damaged, openTar } from './tar-reader.ts'
import type { ApplyMarks } from './whiteout.ts'

export interface UnpackOptions {
  /** Makes whiteout devices and opaque xattrs; called once, and only for a layer that has some. */
  readonly applyMarks: ApplyMarks
  /** How many ids the map has; 1 squashes all owners to 0. No limit when undefined. */
  readonly idLimit?: number | undefined
  /** Bytes of the uncompressed tar, 64 GiB by default: a bound for decompression bombs. */
  readonly maxBytes?: number | undefined
}

export interface UnpackedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest
  /** Of the tar, in bytes. */
  readonly size: number
  readonly entries: number
  /** Entries that lost their owner to the single-id map. */
  readonly squashed: number
  /** Devices and FIFOs that became empty files. */
  readonly placeholders: number
}

const MIB = 1024 * 1024
const DEFAULT_MAX_BYTES = 64 * 1024 * MIB

/**
 * @param source gzip or plain tar, told apart by the first bytes: media types lie.
 * @param directory must exist and be empty; what a failure leaves in it is the caller's to remove.
 * @throws Failure `image.layer` (damaged), `image.entry` (hostile), `image.owner`, `image.unpack`, `image.bomb`,
 *   and whatever the source throws.
 */
export const unpackLayer = async (
  source: AsyncIterable<Uint8Array>,
  directory: string,
  { applyMarks, idLimit, maxBytes = DEFAULT_MAX_BYTES }: UnpackOptions,
): Promise<UnpackedLayer> => {
  const writer = new LayerWriter(directory, idLimit)
  const hasher = createHasher()
  let size = 0
  const consume = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    const tar = await openTar(writer)
    for await (const chunk of chunks) {
      size += chunk.length
      if (size > maxBytes) {
        throw new Failure(`the layer is larger than ${maxBytes} bytes when unpacked`, { id: 'image.bomb' })
      }
      hasher.update(chunk)
      await tar.write(chunk)
    }
    await tar.end()
  }
  try {
    const { head, chunks } = await peek(source)
    const compression = detectCompression(head)
    if (compression === 'zstd') {
      throw new Failure('the layer is compressed with zstd, which glasspod cannot unpack', { id: 'image.layer-type' })
    }
    // Chunks of 1 MiB halve the time that the default of 16 KiB takes.
    if (compression === 'gzip') await pipeline(chunks, createGunzip({ chunkSize: MIB }), consume)
    else await consume(chunks)
    const marks = writer.marks()
    if (marks.length > 0) await applyMarks(marks)
    writer.finish()
  } catch (error) {
    throw errnoOf(error)?.startsWith('Z_') === true ? damaged(error) : error
  } finally {
    writer.close()
  }
  const { entries, squashed, placeholders } = writer
  return { diffId: hasher.digest(), size, entries, squashed, placeholders }
}

const MAGIC_LENGTH = 4

/** RFC 1952 section 2.3.1, RFC 8878 section 3.1.1. */
const detectCompression = (head: Uint8Array): 'gzip' | 'zstd' | 'none' => {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? 'zstd' : 'none'
}

/** The first bytes, and all chunks with them. */
const peek = async (
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; chunks: AsyncIterable<Uint8Array> }> => {
  const iterator = source[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let length = 0
  while (length < MAGIC_LENGTH) {
    const next = await iterator.next()
    if (next.done === true) break
    first.push(next.value)
    length += next.value.length
  }
  const head = Buffer.concat(first)
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return { head, chunks: rest() }
}
