/** An archive that a client sends: its bytes, whole or a Failure, and an answer that it hears in any case. */
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { counted } from '../../../images/counted.ts'
import { throttled } from '../../../images/throttle.ts'
import { Failure } from '../../errors.ts'

/** Not ended with its reader: the connection still has an answer to carry. @throws Failure `image.archive`. */
export async function* receive(raw: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  } catch {
    throw new Failure('the archive broke off before its end', { id: 'image.archive' })
  }
}

/** How much of it there is so far, as the other lines of such an answer. */
export async function* tellReceived(
  chunks: AsyncIterable<Buffer>,
  line: (value: unknown) => void,
): AsyncGenerator<Buffer> {
  const { tell, stop } = throttled<'Receiving' | 'Received'>((status, current) =>
    line({ status, id: 'archive', progressDetail: { current } }),
  )
  let received = 0
  try {
    yield* counted(chunks, (bytes) => tell('Receiving', (received = bytes)))
    tell('Received', received)
  } finally {
    stop()
  }
}

/** Takes the rest and forgets it: a client that is still sending does not read, and would miss what went wrong. */
export const drain = async (raw: IncomingMessage): Promise<void> => {
  if (raw.readableEnded || raw.destroyed) return
  raw.resume()
  await once(raw, 'close').catch(() => undefined)
}
