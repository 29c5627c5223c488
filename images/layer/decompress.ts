/**
 * From the bytes of a blob to those of the tar: gzip (RFC 1952; several members are one stream) by zlib, zstd
 * (RFC 8878) by the program of that name, told apart by the first bytes, because media types lie.
 */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { gunzip } from './gunzip.ts'
import { damaged } from './refusal.ts'

/** Of the window that a frame asks for: what zstd's own highest level makes. */
const ZSTD_MEMORY = '128MiB'
const MAGIC_LENGTH = 4

export type Compression = 'gzip' | 'zstd' | 'none'

/** RFC 1952 section 2.3.1, RFC 8878 section 3.1.1 and 3.1.2 (skippable frames, which may come first). */
export const detectCompression = (head: Uint8Array): Compression => {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  const isFrame = a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd
  const isSkippable = ((a ?? 0) & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18
  return isFrame || isSkippable ? 'zstd' : 'none'
}

/** Gives `consume` the tar, each chunk in memory that is used again for the next one. @throws Failure `image.layer`, `image.zstd`, and what source and consumer throw. */
export const decompress = async (
  source: AsyncIterable<Uint8Array>,
  consume: (tar: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> => {
  const { head, chunks } = await peek(source)
  switch (detectCompression(head)) {
    case 'none':
      return consume(chunks)
    case 'zstd':
      return unzstd(chunks, consume)
    case 'gzip':
      return gunzip(chunks, consume)
  }
}

/** Node 20 has no zstd of its own. A child, so that its window is not our memory and its work not our thread. */
const unzstd = async (
  chunks: AsyncIterable<Buffer>,
  consume: (tar: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> => {
  const child = spawn('zstd', ['--decompress', '--stdout', '--quiet', `--memory=${ZSTD_MEMORY}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, 1000)))
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(errnoOf(error) === 'ENOENT' ? missing() : error))
    child.once('close', (code, signal) =>
      code === 0 ? resolve() : reject(damaged(`zstd: ${said.trim().replace(/^\S+ : /, '') || (signal ?? code)}`)),
    )
  })
  ended.catch(() => undefined)
  let sourceError: { readonly error: unknown } | undefined
  const fed = pipeline(Readable.from(copies(chunks), { objectMode: false }), child.stdin).catch((error: unknown) => {
    // It gave up, and says why itself.
    if (errnoOf(error) !== 'EPIPE' && errnoOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE') sourceError = { error }
    child.stdin.destroy()
  })
  let isDrained = false
  const output = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* child.stdout as AsyncIterable<Buffer>
    } catch {
      // it could not be started, which `ended` tells
    }
    isDrained = true
  }
  let failure: { readonly error: unknown } | undefined
  try {
    await consume(output())
  } catch (error) {
    failure = { error }
  }
  if (!isDrained) child.kill('SIGKILL')
  child.stdout.destroy()
  await fed
  // A tar that is cut is the consequence; the cause is what ended the source or zstd.
  if (sourceError !== undefined) throw sourceError.error
  if (isDrained) await ended
  if (failure !== undefined) throw failure.error
}

/** A pipe keeps what it cannot write yet. */
async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk)
}

const missing = (): Failure =>
  new Failure('the layer is compressed with zstd, and there is no program of that name', {
    id: 'image.zstd',
    try: 'apt-get install zstd (as root)',
    see: 'zstd(1)',
  })

/** The first bytes, and all chunks with them. */
const peek = async (
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; chunks: AsyncIterable<Buffer> }> => {
  const iterator = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_LENGTH) {
    const next = await iterator.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    } finally {
      await iterator.return?.()
    }
  }
  return { head, chunks: rest() }
}
