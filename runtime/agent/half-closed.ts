/**
 * Clients that end their side when they have asked (`nc -N`, socat at the end of its input). Node hangs up on them; Go's
 * servers, and so dockerd, answer what is short and give up what takes longer. A client that is gone looks the same until
 * something is written to it, so it cannot be waited for.
 */
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** How long an answer may take then. */
const ANSWER_MS = 1000

/** An upgraded connection is left alone: there an end is that of the container's input. */
export const answerHalfClosed = (server: Server, answerMs = ANSWER_MS): void => {
  function endSoon(this: Duplex): void {
    setTimeout(() => this.destroy(), answerMs).unref()
  }
  // Not in its types: node/lib/_http_server.js, socketOnEnd.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('connection', (socket) => socket.once('end', endSoon))
  server.on('upgrade', (_, socket) => socket.off('end', endSoon))
}
