/** Reads a container's log: frames of the pumps (plan/monitor.ts), from any place, to the end or as it grows. */
import { closeSync, openSync, readSync, watch } from 'node:fs'
import { LOG_HEADER, PUMP_BUFFER } from '../plan/monitor.ts'

export interface LogFrame {
  stream: 1 | 2
  /** Nanoseconds since 1970. */
  time: bigint
  bytes: Buffer
}

/** As it lies in the file. */
export interface PlacedFrame extends LogFrame {
  /** Of its header, in bytes. */
  offset: number
}

/** One for all readers: reading is synchronous, and what is kept is copied. */
const chunk = Buffer.allocUnsafe(256 * 1024)

/** A full disk cuts a frame short; what follows is then found by what every header of a pump is. */
const isHeader = (bytes: Buffer): boolean => {
  const size = bytes.readBigUInt64LE(0)
  const stream = bytes.readBigUInt64LE(24)
  return (
    size > 0n &&
    size <= BigInt(PUMP_BUFFER) &&
    bytes.readBigUInt64LE(8) < 1n << 34n &&
    bytes.readBigUInt64LE(16) < 1_000_000_000n &&
    (stream === 1n || stream === 2n)
  )
}

/** Frames that are whole, from a byte offset; keeps what is not, for when the rest is there. */
export class LogReader {
  private readonly descriptor: number
  private offset: number
  private rest: Buffer = Buffer.alloc(0)

  constructor(file: string, offset = 0) {
    this.descriptor = openSync(file, 'r')
    this.offset = offset
  }

  /** Calls `take` with every frame up to the present end of the file. */
  read(take: (frame: PlacedFrame) => void): void {
    while (this.readSome(take)) continue
  }

  /** The same for the next part of the file, a quarter of a megabyte; false at its end. */
  readSome(take: (frame: PlacedFrame) => void): boolean {
    const length = readSync(this.descriptor, chunk, 0, chunk.length, this.offset)
    if (length === 0) return false
    this.offset += length
    let bytes = Buffer.concat([this.rest, chunk.subarray(0, length)])
    while (bytes.length >= LOG_HEADER) {
      if (!isHeader(bytes)) {
        bytes = bytes.subarray(1)
        continue
      }
      const size = Number(bytes.readBigUInt64LE(0))
      if (bytes.length < LOG_HEADER + size) break
      take({
        stream: bytes.readBigUInt64LE(24) === 2n ? 2 : 1,
        time: bytes.readBigUInt64LE(8) * 1_000_000_000n + bytes.readBigUInt64LE(16),
        bytes: bytes.subarray(LOG_HEADER, LOG_HEADER + size),
        offset: this.offset - bytes.length,
      })
      bytes = bytes.subarray(LOG_HEADER + size)
    }
    this.rest = Buffer.from(bytes)
    return true
  }

  /** Offset of the first byte that belongs to no whole frame yet. */
  get position(): number {
    return this.offset - this.rest.length
  }

  close(): void {
    closeSync(this.descriptor)
  }
}

/** Who takes the frames may be full: a stopped client must not fill the agent with a container's output. */
export interface Flow {
  isFull: () => boolean
  /** Calls back once it is not. */
  whenReady: (then: () => void) => void
}

export interface Follower {
  /** Delivers what is left, then ends. */
  stop: (then?: () => void) => void
  /** Ends now. */
  cancel: () => void
}

const ALWAYS_READY: Flow = { isFull: () => false, whenReady: (then) => then() }

/** Frames as they come, as fast as they are taken. */
export const followLog = (
  file: string,
  offset: number,
  take: (frame: PlacedFrame) => void,
  flow: Flow = ALWAYS_READY,
): Follower => {
  const reader = new LogReader(file, offset)
  let state: 'following' | 'stopping' | 'closed' = 'following'
  let waiting = false
  let onEnd = () => undefined as void
  const close = () => {
    state = 'closed'
    watcher.close()
    reader.close()
  }
  const deliver = () => {
    if (waiting) return
    while (state !== 'closed' && reader.readSome(take)) {
      if (!flow.isFull()) continue
      waiting = true
      flow.whenReady(() => {
        waiting = false
        deliver()
      })
      return
    }
    if (state !== 'stopping') return
    close()
    onEnd()
  }
  const watcher = watch(file, deliver)
  deliver()
  return {
    stop: (then = () => undefined) => {
      if (state !== 'following') return
      state = 'stopping'
      onEnd = then
      deliver()
    },
    cancel: () => {
      if (state !== 'closed') close()
    },
  }
}
