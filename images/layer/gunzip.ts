/**
 * gzip (RFC 1952) by zlib, into memory that is used again. Through zlib's stream each piece is a Buffer of its own, and
 * as V8 counts them, a layer of 70 MB makes it look through its whole heap ten times. The stream has no such call in
 * its documentation; its handle has, and npm itself reads its packages by it (minizlib). Where it is gone, the stream is left.
 */
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, type Gunzip } from 'node:zlib'
import { errnoOf } from '../../runtime/errors.ts'
import { damaged } from './refusal.ts'

/** Bytes; as fast as 1 MiB. zlib's own 16 KiB take twice the time. */
const PIECE = 256 * 1024
const NOTHING = Buffer.alloc(0)

/** Gives `consume` what is unpacked. @throws Failure `image.layer`, and what source and consumer throw. */
export const gunzip = async (
  source: AsyncIterable<Uint8Array>,
  consume: (unpacked: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> => {
  const stream = createGunzip({ chunkSize: PIECE })
  try {
    if (hasHandle(stream)) await consume(inflated(stream, source))
    else await pipeline(source, stream, consume)
  } catch (error) {
    throw errnoOf(error)?.startsWith('Z_') === true ? damaged(error) : error
  } finally {
    stream.destroy()
  }
}

interface WithHandle {
  readonly _handle: {
    /** Of the output's and the input's bytes it leaves in `_writeState` how many it did not use. */
    writeSync(
      flush: number,
      ...bytes: readonly [input: Uint8Array, from: number, length: number, output: Uint8Array, to: number, room: number]
    ): void
  }
  readonly _writeState: Uint32Array
}

const hasHandle = (stream: Gunzip): stream is Gunzip & WithHandle => {
  const { _handle, _writeState } = stream as Partial<WithHandle>
  return typeof _handle?.writeSync === 'function' && _writeState instanceof Uint32Array
}

async function* inflated(stream: Gunzip & WithHandle, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  stream.on('error', () => undefined)
  const output = Buffer.allocUnsafeSlow(PIECE)
  let isOver = false
  for await (const input of source)
    if (!isOver) isOver = yield* inflate(stream, { input, output, flush: constants.Z_NO_FLUSH })
  if (!isOver) yield* inflate(stream, { input: NOTHING, output, flush: constants.Z_FINISH })
}

interface Inflating {
  readonly input: Uint8Array
  readonly output: Buffer
  readonly flush: number
}

/** @returns whether zeros fill up the rest, as on a tape. */
function* inflate(stream: Gunzip & WithHandle, { input, output, flush }: Inflating): Generator<Buffer, boolean> {
  const { _handle, _writeState } = stream
  for (let from = 0; ;) {
    _handle.writeSync(flush, input, from, input.length - from, output, 0, output.length)
    if (stream.errored) throw stream.errored
    const [room = 0, left = 0] = _writeState
    if (room < output.length) yield output.subarray(0, output.length - room)
    // zlib has more to give where it has filled the room
    if (room > 0) return left > 0
    from = input.length - left
  }
}
