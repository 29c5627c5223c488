/**
 * HTTP/1.1 over a unix socket, one connection an exchange (RFC 9112). Not node:http: its loading and first request
 * cost 11 ms, this 3 (Node 20, bare node 21), and a listing may take half of node's own start. One connection each
 * because connecting takes 0.1 ms, and a kept one can die between two uses.
 */
import { type Socket, connect } from 'node:net'

export interface Exchange {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  headers?: Record<string, string>
  body?: unknown
  /** A body that is read as it is sent; its failure is the exchange's. */
  upload?: AsyncIterable<Uint8Array>
  /** Asks for the connection itself (101), as attach and exec do. */
  upgrade?: boolean
}

export interface Answer {
  status: number
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>
  /** The body as it comes; after a 101 what the other side sends until it closes. */
  body: AsyncGenerator<Buffer>
  socket: Socket
}

/** The connection ended in the middle of an answer. */
export class TruncatedAnswer extends Error {
  override readonly name = 'TruncatedAnswer'
}

const CRLF = '\r\n'
/** Statuses without a body, whatever the headers say. */
const BODILESS = [204, 304]

/** Lines and bytes of a connection, taken as they come. */
class Incoming {
  #held: Buffer = Buffer.alloc(0)
  readonly #chunks: AsyncIterator<Buffer>

  constructor(socket: Socket) {
    this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  async #next(): Promise<Buffer | undefined> {
    const next = await this.#chunks.next()
    return next.done === true ? undefined : next.value
  }

  /** Up to the next CRLF. */
  async line(): Promise<string> {
    let end = this.#held.indexOf(CRLF)
    while (end < 0) {
      const chunk = await this.#next()
      if (chunk === undefined) throw new TruncatedAnswer('the connection ended')
      this.#held = Buffer.concat([this.#held, chunk])
      end = this.#held.indexOf(CRLF)
    }
    const line = this.#held.toString('latin1', 0, end)
    this.#held = this.#held.subarray(end + CRLF.length)
    return line
  }

  /** At least one byte and at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    let chunk: Buffer | undefined = this.#held
    while (chunk?.length === 0) chunk = await this.#next()
    this.#held = chunk?.subarray(limit) ?? Buffer.alloc(0)
    return chunk?.subarray(0, limit)
  }

  async *exactly(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0;) {
      const bytes = await this.some(left)
      if (bytes === undefined) throw new TruncatedAnswer('the connection ended')
      left -= bytes.length
      yield bytes
    }
  }

  async *toTheEnd(): AsyncGenerator<Buffer> {
    for (let bytes = await this.some(Infinity); bytes !== undefined; bytes = await this.some(Infinity)) yield bytes
  }

  /** Chunked transfer coding; extensions and trailers are passed over. */
  async *chunked(): AsyncGenerator<Buffer> {
    for (;;) {
      const length = Number.parseInt(await this.line(), 16)
      if (!Number.isSafeInteger(length)) throw new Error('a chunk without a length')
      if (length === 0) break
      yield* this.exactly(length)
      await this.line()
    }
    while ((await this.line()) !== '') continue
  }
}

const selectBody = (incoming: Incoming, status: number, headers: ReadonlyMap<string, string>) => {
  if (BODILESS.includes(status)) return incoming.exactly(0)
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return incoming.chunked()
  const length = headers.get('content-length')
  return status === 101 || length === undefined ? incoming.toTheEnd() : incoming.exactly(Number(length))
}

const formatRequest = ({ method, path, headers = {}, body, upload, upgrade = false }: Exchange): string => {
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = Object.entries({
    Host: 'glasspod',
    ...headers,
    ...(upgrade ? { Connection: 'Upgrade', Upgrade: 'tcp' } : { Connection: 'close' }),
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(upload !== undefined
      ? { 'Transfer-Encoding': 'chunked' }
      : method === 'POST'
        ? { 'Content-Length': Buffer.byteLength(text).toString() }
        : {}),
  }).map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${path} HTTP/1.1`, ...lines, '', text].join(CRLF)
}

/** Its queue is empty, or it has closed. */
const untilWritable = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go)
      resolve()
    }
    socket.on('drain', go).on('close', go)
  })

/**
 * In chunks, while the answer is read: who refuses it says so before its end. What breaks off is ended by no last chunk,
 * so that nobody takes it for the whole.
 */
const sendUpload = async (socket: Socket, upload: AsyncIterable<Uint8Array>): Promise<void> => {
  for await (const chunk of upload) {
    if (socket.destroyed || !socket.writable) return
    if (chunk.length === 0) continue
    socket.write(`${chunk.length.toString(16)}${CRLF}`)
    socket.write(chunk)
    if (!socket.write(CRLF)) await untilWritable(socket)
  }
  socket.write(`0${CRLF}${CRLF}`)
}

async function* failingWith(body: AsyncGenerator<Buffer>, failure: () => unknown): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    throw failure() ?? error
  }
}

/** The status line and the fields, whose names are put into lower case. */
const readHead = async (incoming: Incoming, socketPath: string): Promise<Pick<Answer, 'status' | 'headers'>> => {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(await incoming.line())?.[1])
  if (!Number.isInteger(status)) throw new Error(`what answers at ${socketPath} does not speak HTTP`)
  const headers = new Map<string, string>()
  for (let line = await incoming.line(); line !== ''; line = await incoming.line()) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { status, headers }
}

/** Resolves when the head of the answer is there. */
export const exchange = async (socketPath: string, request: Exchange): Promise<Answer> => {
  const socket = connect(socketPath)
  // every failure reaches the reader through the iterator; one after the last read concerns nobody
  socket.on('error', () => undefined)
  const incoming = new Incoming(socket)
  socket.write(formatRequest(request))
  let failure: unknown
  if (request.upload !== undefined)
    sendUpload(socket, request.upload).catch((error: unknown) => {
      failure = error
      socket.destroy()
    })
  const { status, headers } = await readHead(incoming, socketPath).catch((error: unknown) => {
    throw failure ?? error
  })
  return { status, headers, body: failingWith(selectBody(incoming, status, headers), () => failure), socket }
}
