import fc from 'fast-check'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answeredStream, frameWriter, takeBody, upgradedStream, type RawStream } from '../../../runtime/agent/hijack.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()

/** What a Docker client does with a multiplexed stream. */
const demultiplex = (bytes: Buffer): { stream: number; bytes: Buffer }[] => {
  const frames = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    frames.push({ stream: bytes[at] ?? 0, bytes: bytes.subarray(at + 8, at + 8 + length) })
    at += 8 + length
  }
  return frames
}

describe('frames', () => {
  const frame = fc.record({
    stream: fc.constantFrom<1 | 2>(1, 2),
    time: fc.constant(0n),
    bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  })

  it('come apart as they went in', () => {
    fc.assert(
      fc.property(fc.array(frame), (frames) => {
        const sent: Buffer[] = []
        frames.forEach(frameWriter({ write: (bytes) => sent.push(bytes) }, false))
        expect(demultiplex(Buffer.concat(sent))).toEqual(frames.map(({ stream, bytes }) => ({ stream, bytes })))
      }),
    )
  })

  it('are the bytes themselves with a terminal', () => {
    const sent: Buffer[] = []
    frameWriter({ write: (bytes) => sent.push(bytes) }, true)({ stream: 2, time: 0n, bytes: Buffer.from('x') })
    expect(sent).toEqual([Buffer.from('x')])
  })
})

describe('a connection that leaves HTTP', () => {
  let server: Server
  let client: Socket
  let upgraded: Promise<{ request: IncomingMessage; socket: Duplex; head: Buffer }>

  beforeEach(async () => {
    const path = fresh()
    server = createServer((_, response) => response.end())
    upgraded = new Promise((resolve) =>
      server.once('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        resolve({ request, socket, head }),
      ),
    )
    await new Promise<void>((resolve) => server.listen(path, resolve))
    client = connect(path)
    await once(client, 'connect')
  })
  afterEach(() => {
    client.destroy()
    server.close()
  })

  const head = (length: number) =>
    `POST /exec/1/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${length}\r\n\r\n`
  const openWithBody = async (): Promise<{ body: Buffer; stream: RawStream }> => {
    const connection = await upgraded
    const { body, rest } = await takeBody(connection)
    return { body, stream: upgradedStream(connection.socket, rest, false) }
  }
  const open = async (): Promise<RawStream> => (await openWithBody()).stream
  const received = async (length: number): Promise<string> => {
    let text = ''
    while (text.length < length) text += String((await once(client, 'data'))[0])
    return text
  }
  const ANSWER =
    'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'

  it.each([
    ['in one piece with what follows', [`${head(2)}{}typed`]],
    ['after the head', [head(2), '{}', 'typed']],
    ['cut in two', [`${head(2)}{`, '}typed']],
    ['none', [`${head(0)}typed`]],
  ])('has its body apart from the container’s input: %s', async (_, parts) => {
    const opened = openWithBody()
    for (const part of parts) await new Promise<void>((resolve) => client.write(part, () => resolve()))
    const { body, stream } = await opened
    expect(body.toString()).toBe(parts[0] === `${head(0)}typed` ? '' : '{}')
    stream.open()
    let input = ''
    while (input.length < 5) input += String((await once(stream.input ?? client, 'data'))[0])
    expect(input).toBe('typed')
  })

  it('answers 101 once, then carries frames both ways, and closes', async () => {
    client.write(head(0))
    const stream = await open()
    stream.open()
    stream.write({ stream: 1, time: 0n, bytes: Buffer.from('hello') })
    expect(await received(ANSWER.length + 13)).toBe(`${ANSWER}\x01\0\0\0\0\0\0\x05hello`)
    const ended = once(client, 'end')
    client.resume()
    stream.end()
    await ended
  })

  it('leaves HTTP with the first bytes, if nothing else said so', async () => {
    client.write(head(0))
    const stream = await open()
    stream.write({ stream: 2, time: 0n, bytes: Buffer.from('!') })
    expect(await received(ANSWER.length + 9)).toBe(`${ANSWER}\x02\0\0\0\0\0\0\x01!`)
  })

  it('tells when the client is gone, and takes writes after that', async () => {
    client.write(head(0))
    const stream = await open()
    stream.open()
    stream.input?.resume()
    const closed = new Promise<void>((resolve) => stream.onClose(resolve))
    client.destroy()
    await closed
    stream.write({ stream: 1, time: 0n, bytes: Buffer.from('late') })
  })

  it('is refused when the client goes away within its body', async () => {
    client.write(`${head(10)}{`)
    const opened = expect(open()).rejects.toThrow('the client went away')
    const { socket } = await upgraded
    socket.once('end', () => socket.destroy())
    client.destroy()
    await opened
  })

  // Node takes its own listener away with the upgrade: until there is one of ours, ECONNRESET ends the agent.
  it('has somebody who listens for its errors from the first moment', async () => {
    client.write(`${head(10)}{`)
    const { request, socket, head: first } = await upgraded
    takeBody({ request, socket, head: first }).catch(() => undefined)
    expect(socket.listenerCount('error')).toBeGreaterThan(0)
  })
})

describe('an answer that is the stream', () => {
  it('has the media type of its frames, and ends', async () => {
    const path = fresh()
    const server = createServer((_, response) => {
      const stream = answeredStream(response, false)
      stream.write({ stream: 1, time: 0n, bytes: Buffer.from('x') })
      stream.end()
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const client = connect(path)
    let text = ''
    client.on('data', (chunk) => (text += chunk.toString('latin1')))
    client.write('GET / HTTP/1.0\r\n\r\n')
    await once(client, 'close')
    server.close()
    expect(text).toContain('200 OK')
    expect(text).toContain('application/vnd.docker.multiplexed-stream')
    expect(text.endsWith('\x01\0\0\0\0\0\0\x01x')).toBe(true)
  })
})
