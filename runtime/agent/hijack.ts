/**
 * The Docker API's raw streams: a connection that leaves HTTP after the answer and carries the bytes of a container. With
 * a terminal they are the bytes themselves; without, frames of an 8-byte header (stream, length) and bytes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex, Writable } from 'node:stream'
import { checkLength } from './http.ts'
import type { Flow, LogFrame } from './log-reader.ts'

export interface RawStream {
  /** Leaves HTTP, once; before that an error can still be told as an answer. The first write does it too. */
  open: () => void
  write: (frame: LogFrame) => void
  end: () => void
  /** Whether the client takes what is written. */
  flow: Flow
  /** What the client sends after the request; undefined where the connection is not of that kind. */
  input: Duplex | undefined
  onClose: (then: () => void) => void
}

const RAW = 'application/vnd.docker.raw-stream'
const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream'

const frameHeader = (stream: number, length: number): Buffer => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(length, 4)
  return header
}

export const flowOf = (output: Writable): Flow => ({
  isFull: () => output.writableNeedDrain,
  whenReady: (then) => output.once('drain', then),
})

export const frameWriter =
  (output: { write: (bytes: Buffer) => unknown }, tty: boolean) =>
  ({ stream, bytes }: LogFrame): void => {
    output.write(tty ? bytes : Buffer.concat([frameHeader(stream, bytes.length), bytes]))
  }

export interface Upgraded {
  request: IncomingMessage
  socket: Duplex
  /** What came with the head of the request. */
  head: Buffer
}

/** A request with an Upgrade header: the socket is ours. Its JSON body comes first; the rest is the container's input. */
export const takeBody = async ({ request, socket, head }: Upgraded): Promise<{ body: Buffer; rest: Buffer }> => {
  // Before anything is waited for: Node took its own listener away with the upgrade.
  socket.on('error', () => socket.destroy())
  const length = Number(request.headers['content-length'] ?? 0)
  checkLength(length)
  return readBodyFrom(socket, head, length)
}

/**
 * Until it is answered a client sends nothing, and keeps its side open: an end is that of the client. `release` gives
 * back what came all the same.
 */
export const watchClient = (socket: Duplex): { signal: AbortSignal; release: () => Buffer } => {
  const gone = new AbortController()
  const early: Buffer[] = []
  const leave = (): void => gone.abort()
  const take = (chunk: Buffer): void => {
    early.push(chunk)
    // more of it is not for us to keep
    socket.pause()
  }
  socket.on('data', take).once('end', leave).once('close', leave).resume()
  return {
    signal: gone.signal,
    release: () => {
      socket.off('data', take).off('end', leave).off('close', leave).pause()
      return Buffer.concat(early)
    },
  }
}

/** `rest`: what was read of the container's input together with the request. */
export const upgradedStream = (
  socket: Duplex,
  rest: Buffer,
  tty: boolean,
  headers: Readonly<Record<string, string>> = {},
): RawStream => {
  const write = frameWriter(socket, tty)
  const open = once(() => {
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(
      `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${RAW}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${more.join('')}\r\n`,
    )
    if (rest.length > 0) socket.unshift(rest)
  })
  return {
    input: socket,
    open,
    write: (frame) => {
      open()
      if (socket.writable) write(frame)
    },
    end: () => socket.end(),
    flow: flowOf(socket),
    onClose: (then) => socket.once('close', then),
  }
}

/** Without one: the answer's body is the stream, and nothing comes in. */
export const answeredStream = (response: ServerResponse, tty: boolean): RawStream => {
  const open = once(() => {
    response.writeHead(200, { 'content-type': tty ? RAW : MULTIPLEXED })
    response.flushHeaders()
  })
  const write = frameWriter(response, tty)
  return {
    input: undefined,
    open,
    write: (frame) => {
      open()
      write(frame)
    },
    end: () => response.end(),
    flow: flowOf(response),
    onClose: (then) => response.once('close', then),
  }
}

const once = (action: () => void): (() => void) => {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}

const readBodyFrom = async (socket: Duplex, head: Buffer, length: number): Promise<{ body: Buffer; rest: Buffer }> => {
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    let read = head
    if (read.length >= length) return resolve(read)
    const take = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
      if (read.length < length) return
      socket.off('data', take)
      socket.pause()
      resolve(read)
    }
    socket.on('data', take)
    socket.once('close', () => reject(new Error('the client went away')))
  })
  return { body: bytes.subarray(0, length), rest: bytes.subarray(length) }
}
