/**
 * Our standard input to a container, past the agent: written into the named pipe itself, nothing that was read here is
 * lost with an agent that ends. What the agent is still needed for is to let go of its own end of the pipe.
 */
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { errnoOf } from '../errors.ts'
import { feedStdin } from './terminal.ts'

export interface Connection {
  /** Tells the agent that our input has ended. */
  end: () => void
  detach: () => void
}

export interface Feed {
  /** The connection that counts from now on. */
  serve: (connection: Connection) => void
}

/** Undefined: nothing reads it any more. */
const openPipe = (path: string): Socket | undefined => {
  try {
    return new Socket({
      fd: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK),
      readable: false,
      writable: true,
    })
  } catch (error) {
    if (errnoOf(error) === 'ENXIO' || errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export const feedPipe = (path: string, tty: boolean): Feed => {
  const pipe = openPipe(path)
  let connection: Connection | undefined
  let ended = pipe === undefined
  const finish = () => {
    ended = true
    connection?.end()
  }
  if (pipe !== undefined) {
    pipe.once('close', finish)
    // The container reads no more; that it ended is told elsewhere.
    pipe.on('error', () => pipe.destroy())
    feedStdin(pipe, tty ? () => connection?.detach() : undefined)
  }
  return {
    serve: (next) => {
      connection = next
      if (ended) next.end()
    },
  }
}
