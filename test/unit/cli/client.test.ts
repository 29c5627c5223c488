import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Client, type Link, formatQuery, readAll, segment } from '../../../runtime/cli/client.ts'
import { openLogins } from '../../../runtime/cli/logins.ts'
import { pullImage } from '../../../runtime/cli/pull.ts'

type Answerer = (request: IncomingMessage & { text: string }, response: ServerResponse) => void

let directory: string
let close: (() => Promise<unknown>)[]
const seen: string[] = []

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/glasspod-cli-`)
  close = []
  seen.length = 0
})
afterEach(async () => {
  for (const end of close) await end()
  await rm(directory, { recursive: true })
})

const listen = async (server: {
  listen(path: string, then: () => void): unknown
  close(then: () => void): unknown
}) => {
  const socketPath = `${directory}/${close.length}.sock`
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  close.push(() => new Promise<void>((resolve) => server.close(resolve)))
  return socketPath
}

/** A real HTTP server with scripted answers. */
const serve = async (answer: Answerer, upgrade?: (request: IncomingMessage, socket: Duplex) => void) => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      answer(Object.assign(request, { text: Buffer.concat(chunks).toString() }), response)
    })
  })
  if (upgrade) server.on('upgrade', upgrade)
  return listen(server)
}

const clientOf = async (answer: Answerer, link: Partial<Link> = {}) =>
  new Client({ socketPath: await serve(answer), ...link })

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('it succeeded')
    },
    (error: unknown) => error,
  )

describe('requests', () => {
  it('carry query and JSON body, and bring JSON back', async () => {
    const client = await clientOf((request, response) =>
      response.end(JSON.stringify({ got: JSON.parse(request.text) as unknown, type: request.headers['content-type'] })),
    )
    expect(
      await client.post('/x', { query: { a: 'b c', no: undefined, off: false, on: true }, body: { é: 1 } }),
    ).toEqual({
      got: { é: 1 },
      type: 'application/json',
    })
    expect(seen).toEqual(['POST /x?a=b+c&on=1'])
  })

  it('take answers with a length, in chunks, and without any', async () => {
    const client = await clientOf((request, response) => {
      if (request.url === '/length') return response.setHeader('Content-Length', '9').end('{"a": 12}')
      if (request.url === '/none') return response.writeHead(204).end()
      for (const piece of ['{"a', '":', ' 12', '}']) response.write(piece)
      response.end()
    })
    expect(await client.get('/length')).toEqual({ a: 12 })
    expect(await client.get('/chunks')).toEqual({ a: 12 })
    expect(await client.delete('/none')).toBeUndefined()
  })

  it('keep names in paths readable and harmless', () => {
    expect(segment('docker.io/library/a:1@sha256:0')).toBe('docker.io/library/a:1@sha256:0')
    expect(segment('a b\r\nX: y?z#')).toBe('a%20b%0D%0AX:%20y%3Fz%23')
    expect(formatQuery({})).toBe('')
  })

  it('bring lines as they come, however they are cut', async () => {
    const client = await clientOf((_request, response) => {
      const bytes = Buffer.from('{"status":"é"}\n\n{"status":"b"}\n{"status":"last"}')
      for (const byte of bytes) response.write(Buffer.from([byte]))
      response.end()
    })
    const lines: unknown[] = []
    for await (const line of client.lines('/pull')) lines.push(line)
    expect(lines).toEqual([{ status: 'é' }, { status: 'b' }, { status: 'last' }])
  })
})

describe('failures', () => {
  it('are the ones the agent meant', async () => {
    const facts = { id: 'image.unknown', why: 'w', found: 'f', try: 't', see: 's', exitCode: 127 }
    const client = await clientOf((_request, response) =>
      response.writeHead(404).end(JSON.stringify({ message: 'no such image: x', ...facts })),
    )
    expect(await failureOf(client.get('/x'))).toMatchObject({
      name: 'Failure',
      message: 'no such image: x',
      facts: { ...facts, status: 404 },
    })
  })

  it('that are no JSON are shown as they are', async () => {
    const client = await clientOf((_request, response) => response.writeHead(502).end('bad gateway'))
    expect(await failureOf(client.get('/x'))).toMatchObject({ message: 'the agent answered 502: bad gateway' })
  })

  it('name the socket where nobody listens', async () => {
    const client = new Client({ socketPath: `${directory}/none.sock` })
    expect(await failureOf(client.get('/x'))).toMatchObject({
      message: `connect to the agent at ${directory}/none.sock: ENOENT`,
      facts: { id: 'agent.connect' },
    })
  })

  it.each([
    ['before the head', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['within a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"a"'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'],
  ])('say when the agent died %s', async (_where, text) => {
    const server = createSocketServer((socket) => socket.once('data', () => socket.end(text)))
    const client = new Client({ socketPath: await listen(server) })
    expect(await failureOf(client.get('/x'))).toMatchObject({ facts: { id: 'agent.lost' } })
  })

  it('in the middle of a pull keep their facts', async () => {
    const client = await clientOf((_request, response) => {
      response.write('{"status":"Downloading","id":"a"}\n')
      response.end(
        '{"error":"unauthorized","errorDetail":{"message":"unauthorized","id":"registry.auth","try":"log in"}}\n',
      )
    })
    expect(
      await failureOf(
        pullImage(client, {
          image: 'x',
          platform: undefined,
          quiet: true,
          logins: openLogins(),
        }),
      ),
    ).toMatchObject({
      message: 'unauthorized',
      facts: { id: 'registry.auth', try: 'log in' },
    })
    expect(seen).toEqual(['POST /images/create?fromImage=x'])
  })
})

describe('a connection taken over', () => {
  it('carries bytes both ways, those after the head too', async () => {
    const socketPath = await serve(
      () => undefined,
      (request, socket) => {
        expect(request.headers).toMatchObject({ connection: 'Upgrade', upgrade: 'tcp' })
        socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ')
        const chunks: Buffer[] = []
        socket.on('data', (chunk: Buffer) => chunks.push(chunk))
        socket.on('end', () => socket.end(`you said ${Buffer.concat(chunks).toString()}`))
      },
    )
    const { socket, output } = await new Client({ socketPath }).hijack('/attach', { query: { stream: true } })
    socket.end('hi')
    expect((await readAll(output)).toString()).toBe('hello you said hi')
  })

  it('is refused by a Failure', async () => {
    const socketPath = await serve(
      () => undefined,
      (_request, socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 25\r\n\r\n{"message":"no such one"}'),
    )
    expect(await failureOf(new Client({ socketPath }).hijack('/attach'))).toMatchObject({
      message: 'no such one',
    })
  })
})

describe('an agent that does not run', () => {
  it('is started by the first call, which is then made once', async () => {
    const answering = await serve((_request, response) => response.end('{"ok":true}'))
    const starts: string[] = []
    const client = new Client({
      socketPath: `${directory}/none.sock`,
      awaitAgent: () => Promise.resolve((starts.push('start'), answering)),
    })
    expect(await client.post('/containers/create')).toEqual({ ok: true })
    await client.get('/y')
    expect(starts).toEqual(['start'])
    expect(seen).toEqual(['POST /containers/create', 'GET /y'])
  })

  it('is not started in the middle of a command, nor again and again', async () => {
    let starts = 0
    const client = new Client({
      socketPath: `${directory}/none.sock`,
      awaitAgent: () => Promise.resolve((starts++, `${directory}/none.sock`)),
    })
    expect(await failureOf(client.get('/x'))).toMatchObject({ facts: { id: 'agent.connect' } })
    expect(starts).toBe(1)
  })
})

describe('an agent of another build', () => {
  /** Is of build `old` until it is told to execute itself anew. */
  const upgradable = (refused = false) => {
    let build = 'old'
    return clientOf(
      (request, response) => {
        response.setHeader('glasspod-build', build)
        if (request.url === '/glasspod/agent/reexec') {
          build = 'new'
          return response.end()
        }
        if (refused && build === 'old') response.writeHead(426)
        response.end(JSON.stringify({ message: 'other build', build }))
      },
      { buildId: 'new', awaitAgent: () => Promise.resolve(`${directory}/0.sock`) },
    )
  }

  it('is replaced before anything is read from it', async () => {
    const client = await upgradable()
    expect(await client.get('/x')).toMatchObject({ build: 'new' })
    await client.get('/y')
    expect(seen).toEqual(['GET /x', 'POST /glasspod/agent/reexec', 'GET /x', 'GET /y'])
  })

  it('that has been asked to end has no place for another one', async () => {
    const client = await upgradable()
    await client.post('/glasspod/agent/stop', { query: { force: true } })
    expect(seen).toEqual(['POST /glasspod/agent/stop?force=1'])
  })

  it('is replaced after it has done what must not be done twice', async () => {
    const client = await upgradable()
    expect(await client.post('/containers/create')).toMatchObject({ build: 'old' })
    expect(seen).toEqual(['POST /containers/create', 'POST /glasspod/agent/reexec'])
  })

  it('is asked again for an exec, which it would forget', async () => {
    const client = await upgradable()
    expect(await client.post('/containers/a/exec')).toMatchObject({ build: 'new' })
    expect(seen).toEqual(['POST /containers/a/exec', 'POST /glasspod/agent/reexec', 'POST /containers/a/exec'])
  })

  it('may refuse, and is asked again', async () => {
    const client = await upgradable(true)
    expect(await client.post('/containers/create')).toMatchObject({ build: 'new' })
    expect(seen).toEqual(['POST /containers/create', 'POST /glasspod/agent/reexec', 'POST /containers/create'])
  })

  it('is met before several calls at once', async () => {
    const client = await upgradable()
    await client.meet()
    await Promise.all(['/a', '/b'].map((path) => client.delete(path)))
    expect(seen.slice(0, 3)).toEqual(['GET /_ping', 'POST /glasspod/agent/reexec', 'GET /_ping'])
    expect(seen.slice(3).sort()).toEqual(['DELETE /a', 'DELETE /b'])
  })
})
