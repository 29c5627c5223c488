/** Both directions of one connection: an exec's output here, our input there, until it has ended. */
import type { Hijacked } from './client.ts'
import { makeReceived } from './received.ts'
import { enterRawMode, feedStdin } from './terminal.ts'

export interface Carried {
  stream: Hijacked
  tty: boolean
  stdin: boolean
}

export type Ending = 'ended' | 'detached'

/** With a terminal it is bytes, without one frames. */
export const carryStreams = async ({ stream, tty, stdin }: Carried): Promise<Ending> => {
  let ending: Ending = 'ended'
  const restore = tty && stdin ? await enterRawMode() : undefined
  const detach = () => {
    ending = 'detached'
    stream.socket.destroy()
  }
  if (stdin) feedStdin(stream.socket, tty ? detach : undefined)
  const take = makeReceived(tty).take(stream.headers)
  try {
    for await (const chunk of stream.output) take(chunk)
  } catch (error) {
    if ((ending as Ending) !== 'detached') throw error
  } finally {
    restore?.()
  }
  return ending
}
