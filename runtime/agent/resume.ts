/**
 * A stream of a container's output can be taken up again where it stopped, by another agent too: the log is only ever
 * appended to, so the place where the stream began and the bytes that the client has of each side say all.
 */
import { Failure } from '../errors.ts'
import type { LogFrame } from './log-reader.ts'

/** Tells where a stream begins; a client sends it back as `position`, unread. */
export const POSITION_HEADER = 'glasspod-position'

export interface Position {
  /** Of a frame in the log. */
  offset: number
  /** Bytes of that frame that are left out: the last N lines may begin within it. */
  cut: number
}

export interface Resumption {
  position: Position
  /** What the client has of standard output and of standard error, in bytes. */
  received: [number, number]
}

export const formatPosition = ({ offset, cut }: Position): string => `${offset}.${cut}`

/** Of the parameters `position` and `received` (two numbers, `120,0`); undefined where a stream is new. */
export const parseResumption = (query: URLSearchParams): Resumption | undefined => {
  const text = query.get('position')
  if (text === null) return undefined
  const [, offset, cut] = /^(\d{1,15})\.(\d{1,15})$/.exec(text) ?? []
  const [, out, err] = /^(\d{1,15}),(\d{1,15})$/.exec(query.get('received') ?? '0,0') ?? []
  if (offset === undefined || out === undefined)
    throw new Failure(`invalid position: '${text}' with '${query.get('received')}'`, {
      id: 'logs.position',
      see: 'docs/api.md',
      status: 400,
    })
  return { position: { offset: Number(offset), cut: Number(cut) }, received: [Number(out), Number(err)] }
}

/** Leaves out the first bytes of each stream; undefined for a frame of which nothing is left. */
export const skipReceived = (received: readonly [number, number] = [0, 0]) => {
  const left = { 1: received[0], 2: received[1] }
  return (frame: LogFrame): LogFrame | undefined => {
    const skipped = Math.min(left[frame.stream], frame.bytes.length)
    left[frame.stream] -= skipped
    if (skipped === 0) return frame
    return skipped === frame.bytes.length ? undefined : { ...frame, bytes: frame.bytes.subarray(skipped) }
  }
}
