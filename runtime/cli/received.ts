/** A container's output on its way to ours, counted: so that another connection can go on where this one stopped. */
import { STDERR, STDOUT, write } from './output.ts'
import { demultiplex } from './stdcopy.ts'
import type { Query, Streamed } from './client.ts'

/** As runtime/agent/resume.ts has it. */
const POSITION_HEADER = 'glasspod-position'

export interface Received {
  /** What a further request of the same stream says; nothing before the first answer. */
  query: () => Query
  /** Takes the chunks of one connection: bytes with a terminal, frames without. */
  take: (headers: Streamed['headers']) => (chunk: Buffer) => void
}

export const makeReceived = (tty: boolean): Received => {
  const bytes = { stdout: 0, stderr: 0 }
  let position: string | undefined
  const pass = (stream: 'stdout' | 'stderr', chunk: Buffer): void => {
    write(stream === 'stderr' ? STDERR : STDOUT, chunk)
    bytes[stream] += chunk.length
  }
  return {
    query: () => (position === undefined ? {} : { position, received: `${bytes.stdout},${bytes.stderr}` }),
    take: (headers) => {
      position ??= headers.get(POSITION_HEADER)
      return tty ? (chunk) => pass('stdout', chunk) : demultiplex(pass)
    },
  }
}
