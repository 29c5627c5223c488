/** A log as the pumps write it (plan/monitor.ts), for tests. */
import { LOG_HEADER } from '../../../runtime/plan/monitor.ts'

export interface Written {
  stream: 1 | 2
  seconds: number
  nanoseconds: number
  text: Uint8Array | string
}

export const encodeFrame = ({ stream, seconds, nanoseconds, text }: Written): Buffer => {
  const bytes = Buffer.from(text)
  const header = Buffer.alloc(LOG_HEADER)
  header.writeBigUInt64LE(BigInt(bytes.length), 0)
  header.writeBigUInt64LE(BigInt(seconds), 8)
  header.writeBigUInt64LE(BigInt(nanoseconds), 16)
  header.writeBigUInt64LE(BigInt(stream), 24)
  return Buffer.concat([header, bytes])
}

export const out = (text: string, seconds = 1_700_000_000): Buffer =>
  encodeFrame({ stream: 1, seconds, nanoseconds: 5, text })
export const err = (text: string, seconds = 1_700_000_000): Buffer =>
  encodeFrame({ stream: 2, seconds, nanoseconds: 5, text })
