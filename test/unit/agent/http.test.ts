import fc from 'fast-check'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Failure } from '../../../runtime/errors.ts'
import { describeError, parseBody, readBody, route, serve, Status, type Route } from '../../../runtime/agent/http.ts'
import { refusal } from '../kernel/refusal.ts'

const match = (pattern: string, path: string) => {
  const groups = route('GET', pattern, () => undefined).pattern.exec(path)?.groups
  return groups === undefined ? undefined : { ...groups }
}

describe('a route', () => {
  it.each([
    ['/containers/{id}/json', '/containers/web/json', { id: 'web' }],
    ['/containers/{id}/json', '/v1.41/containers/web/json', { id: 'web' }],
    ['/images/{name*}/json', '/images/localhost:5000/a/b:1/json', { name: 'localhost:5000/a/b:1' }],
    ['/a/{x}/{y}', '/a/1/2', { x: '1', y: '2' }],
  ])('%s takes %s', (pattern, path, params) => expect(match(pattern, path)).toEqual(params))

  it.each([
    ['/containers/{id}/json', '/containers/a/b/json'],
    ['/containers/{id}/json', '/containers//json'],
    ['/containers/{id}/json', '/containers/a/json/'],
    ['/containers/{id}/json', '/x/containers/a/json'],
    ['/containers/json', '/containers/json2'],
  ])('%s does not take %s', (pattern, path) => expect(match(pattern, path)).toBe(undefined))
})

const NOTHING = { fields: {} }

describe('a body', () => {
  it('is what was sent', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 3 }).map((inner) => `{"inner":${inner}}`),
        (text) => {
          expect(parseBody(Buffer.from(text), NOTHING)).toEqual(JSON.parse(text))
        },
      ),
    )
  })
  it('is {} where there is none', () => expect(parseBody(Buffer.alloc(0), NOTHING)).toEqual({}))
  it.each(['null', '1', '"x"', '{', '\0', '{} {}'])('may not be %j', (text) =>
    expect(refusal(() => parseBody(Buffer.from(text), NOTHING))).toBe('the request body is not a JSON object'),
  )
})

describe('an error', () => {
  afterEach(() => vi.restoreAllMocks())

  it('of a user has its facts, and the status it asks for', () => {
    expect(describeError(new Failure('no such pod: x', { id: 'pod.unknown', status: 404, exitCode: 125 }))).toEqual({
      status: 404,
      body: { message: 'no such pod: x', id: 'pod.unknown', exitCode: 125 },
    })
  })

  it('of ours says that it is ours, and is logged with its stack', () => {
    const log = vi.spyOn(console, 'error').mockReturnValue(undefined)
    const bug = new TypeError('x is not a function')
    expect(describeError(bug)).toMatchObject({ status: 500, body: { message: 'internal: x is not a function' } })
    expect(log).toHaveBeenCalledWith(bug)
    expect(describeError('a string').body['message']).toBe('internal: a string')
  })
})

describe('the server', () => {
  const routes: Route[] = [
    route('GET', '/thing/{id}', ({ params, query }) => ({ id: params['id'], all: query.get('all') })),
    route('GET', '/nothing', () => undefined),
    route('GET', '/status', () => new Status(304)),
    route('POST', '/status', () => new Status(201, { Id: 'x' })),
    route('POST', '/body', async ({ raw }) => ({ got: await readBody(raw, { fields: {} }) })),
    route('GET', '/failure', () => {
      throw new Failure('not now', { status: 409 })
    }),
    route('GET', '/bug', () => BigInt(1)),
    route('GET', '/begun', ({ response }) => {
      response.writeHead(200)
      response.write('begun')
      throw new Failure('too late')
    }),
  ]
  const ask = async (method: string, path: string, body?: Buffer | string) => {
    const server = createServer((incoming, response) => void serve(routes, incoming, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      return await new Promise<{ status: number; text: string }>((resolve, reject) => {
        const { port } = server.address() as AddressInfo
        const sent = request({ port, method, path, agent: false }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
        })
        sent.once('error', reject)
        sent.end(body)
      })
    } finally {
      server.close()
    }
  }
  afterEach(() => vi.restoreAllMocks())

  it.each([
    ['GET', '/thing/a%20b?all=1', 200, '{"id":"a b","all":"1"}\n'],
    ['GET', '/v1.41/thing/x', 200, '{"id":"x","all":null}\n'],
    ['GET', '/nothing', 204, ''],
    ['GET', '/status', 304, ''],
    ['POST', '/status', 201, '{"Id":"x"}\n'],
    ['GET', '/failure', 409, '{"message":"not now"}\n'],
    ['GET', '/begun', 200, 'begun'],
    ['DELETE', '/nothing', 404, '{"message":"the API has no DELETE /nothing","id":"api.route","see":"docs/api.md"}\n'],
  ])('answers %s %s', async (method, path, status, text) => expect(await ask(method, path)).toEqual({ status, text }))

  it('reads a body, and refuses one that is too long', async () => {
    expect((await ask('POST', '/body', '{"a":1}')).text).toBe('{"got":{"a":1}}\n')
    expect((await ask('POST', '/body', '[')).status).toBe(400)
    expect((await ask('POST', '/body', Buffer.alloc(4 * 1024 * 1024 + 1, 32))).status).toBe(413)
  })

  it('survives an answer that is not JSON', async () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    expect((await ask('GET', '/bug')).status).toBe(500)
  })

  it.each(['/%zz', '//'])('says of the malformed path %s that the client made it', async (path) => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    expect([400, 404]).toContain((await ask('GET', path)).status)
  })
})
