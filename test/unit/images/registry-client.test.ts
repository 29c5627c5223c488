import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import type { Pulled } from '../../../images/pull.ts'
import type { TokenCache } from '../../../images/registry/auth.ts'
import { checkLogin } from '../../../images/registry/check-login.ts'
import { EMPTY_CONF, type RegistriesConf } from '../../../images/registry/registries-conf.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { parseRetryAfter, planPause } from '../../../images/registry/retry.ts'
import { SharedTakes } from '../../../images/take-image.ts'
import { makeCertificates } from '../../fixtures/certificates.ts'
import {
  faults,
  makeSmallImage,
  startFaultyRegistry,
  type Fault,
  type FaultyRegistry,
  type Request,
  type SmallImage,
} from '../../fixtures/faulty-registry.ts'
import { withPuller } from '../../fixtures/puller.ts'

/** Pseudo-random, so that it does not shrink. */
let state = 7
const noise = Buffer.from(
  Array.from({ length: 100_000 }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16),
)

let image: SmallImage
let registry: FaultyRegistry
beforeAll(async () => {
  image = await makeSmallImage([[{ name: 'a', content: noise }], [{ name: 'b', content: 'b' }]])
  registry = await startFaultyRegistry(image)
})
afterAll(() => registry.stop())

const withStore = (work: Parameters<typeof withPuller>[1]): Promise<void> => withPuller(registry, work)

/** Fails the first `times` requests that the fault is for. */
const only = (times: number, fault: Fault): Fault => {
  let left = times
  return (request) => left > 0 && fault(request) && left-- > 0
}

const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`
const login = (username = 'me', password = 'secret') => ({ host: registry.host, username, password })

describe('logins', () => {
  const wantsBasic: Fault = ({ authorization, response }) => {
    if (authorization === basic) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
    return true
  }
  const wantsToken: Fault = (request) => {
    if (!request.path.startsWith('/token') || request.authorization === basic) return faults.goodToken(request)
    request.response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong"}]}')
    return true
  }

  test('Basic: asked for once, then sent with every request', () =>
    withStore(async (get) => {
      registry.fault = wantsBasic
      await get({ logins: [login()] })
      expect(registry.asked.filter((path) => path.includes('/manifests/'))).toHaveLength(2)
      expect(registry.asked.filter((path) => path.includes('/blobs/'))).toHaveLength(3)
      await expect(get({ name: `${registry.host}/x:other` })).rejects.toMatchObject({
        message: 'registry ' + registry.host + ' wants a login for x',
        facts: { id: 'registry.denied', try: `glasspod login ${registry.host}` },
      })
    }))

  test('Bearer: the login goes to the realm, and the token is kept for the next pull of the same login', () =>
    withStore(async (get) => {
      registry.fault = wantsToken
      const tokens: TokenCache = new Map()
      await get({ logins: [login()], tokens })
      await get({ logins: [login()], tokens })
      expect(registry.asked.filter((path) => path.startsWith('/token'))).toEqual([
        '/token?service=here&scope=repository%3Ax%3Apull&account=me',
      ])
      await expect(get({ logins: [login('me', 'wrong')], tokens })).rejects.toMatchObject({
        message: `registry ${registry.host} gives no token for x`,
        facts: { id: 'registry.denied', found: expect.stringContaining('UNAUTHORIZED: wrong') as unknown },
      })
    }))

  test('a token is of its scope: another repository gets its own', () =>
    withStore(async (get) => {
      registry.fault = faults.goodToken
      const tokens: TokenCache = new Map()
      await get({ tokens })
      await expect(get({ name: `${registry.host}/y`, tokens })).rejects.toMatchObject({
        facts: { id: 'registry.unknown' },
      })
      const scopes = registry.asked.filter((path) => path.startsWith('/token'))
      expect(scopes).toEqual(['x', 'y'].map((name) => `/token?service=here&scope=repository%3A${name}%3Apull`))
    }))

  test('an identity token is exchanged', () =>
    withStore(async (get) => {
      const methods: string[] = []
      registry.fault = (request) => {
        if (request.path.startsWith('/token')) methods.push(`${request.method} ${request.authorization ?? ''}`)
        return faults.goodToken(request)
      }
      await get({ logins: [{ ...login('', ''), identityToken: 'tok' }] })
      expect(methods).toEqual(['POST '])
    }))

  test('an endless 401 is refused after one answer', () =>
    withStore(async (get) => {
      registry.fault = ({ response }) => {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
        return true
      }
      await expect(get({ logins: [login()] })).rejects.toMatchObject({ facts: { id: 'registry.denied' } })
      expect(registry.asked).toHaveLength(2)
    }))

  test('a login is tried out at /v2/', async () => {
    const check = async (password: string): Promise<void> => {
      const client = new Registry({ settings: { env: {} }, logins: [login('me', password)] })
      await checkLogin(client, registry.host, EMPTY_CONF).finally(() => client.close())
    }
    registry.fault = (request) => {
      if (wantsBasic(request)) return true
      request.response.end('{}')
      return true
    }
    await check('secret')
    await expect(check('wrong')).rejects.toThrow(`registry ${registry.host} refuses this login`)
    registry.fault = undefined
  })
})

describe('trouble that passes', () => {
  const busy =
    (status: number, headers: Record<string, string> = {}): Fault =>
    ({ response }) => {
      response.writeHead(status, headers).end()
      return true
    }

  test.each([
    ['500', busy(500)],
    ['503 with Retry-After', busy(503, { 'retry-after': '0' })],
    ['429 with Retry-After', busy(429, { 'retry-after': '1' })],
    ['reset', faults.reset],
  ])('%s: tried again', (_, fault) =>
    withStore(async (get) => {
      registry.fault = only(2, fault)
      expect((await get()).image.layers).toHaveLength(2)
    }),
  )

  test('429 with a long Retry-After: at once, with when to come back and what is left', () =>
    withStore(async (get) => {
      const quota = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }
      registry.fault = busy(429, { 'retry-after': '3600', ...quota })
      await expect(get()).rejects.toMatchObject({
        message: `registry ${registry.host} takes no more requests for now`,
        facts: {
          id: 'registry.limit',
          found: `${registry.host} answered 429; 0 of 100 requests left in 6 h`,
          try: `again in 3600 s, or glasspod login ${registry.host} for a higher limit`,
        },
      })
      expect(registry.asked).toHaveLength(1)
      // an hour from now as a date, which has no milliseconds
      registry.fault = busy(429, { 'retry-after': new Date(Date.now() + 3600_000).toUTCString() })
      await expect(get()).rejects.toMatchObject({
        facts: { try: expect.stringMatching(/^again in 3(?:600|5\d\d) s, or /) as unknown },
      })
      expect(registry.asked).toHaveLength(2)
    }))

  test('a blob that breaks off again and again goes on where it was, by Range', () =>
    withStore(async (get) => {
      const ranges: (string | undefined)[] = []
      registry.fault = (request) => {
        if (request.isLayer && request.body === image.layers[0]) ranges.push(request.range)
        return faults.inPieces(request)
      }
      await get()
      expect(ranges[0]).toBeUndefined()
      const starts = ranges.flatMap((range) => (range === undefined ? [] : Number(/^bytes=(\d+)-$/.exec(range)?.[1])))
      expect(starts.length).toBeGreaterThan(1)
      expect(starts).toEqual([...starts].sort((a, b) => a - b))
      expect(starts[0]).toBeGreaterThan(0)
    }))

  test('a server without Range: what is here already is passed over', () =>
    withStore(async (get) => {
      registry.fault = only(1, faults.truncated)
      expect((await get()).image.id).toBe(digestOf(image.config))
    }))

  test('another part than was asked for is refused', () =>
    withStore(async (get) => {
      registry.fault = ({ isLayer, body, range, response }: Request) => {
        if (!isLayer || body === undefined) return false
        if (range === undefined)
          response
            .writeHead(200, { 'content-length': body.length })
            .write(body.subarray(0, 9), () => response.destroy())
        else
          response
            .writeHead(206, { 'content-range': `bytes 50-${body.length - 1}/${body.length}` })
            .end(body.subarray(50))
        return true
      }
      await expect(get()).rejects.toMatchObject({ facts: { id: 'registry.range' } })
    }))

  test('a drip is no flow', () =>
    withStore(async (get) => {
      registry.fault = faults.dripping
      await expect(get()).rejects.toMatchObject({ facts: { id: 'registry.timeout' } })
    }))

  test('pauses grow, half by chance, within bounds', () => {
    const patience = { retries: 4, firstMs: 100, longestMs: 500 }
    const pauses = (chance: number) => [1, 2, 3, 4, 5].map((attempt) => planPause(patience, attempt, { chance }))
    expect(pauses(0)).toEqual([50, 100, 200, 250, undefined])
    expect(pauses(1)).toEqual([100, 200, 400, 500, undefined])
    expect(planPause(patience, 1, { after: 501 })).toBeUndefined()
    expect(planPause(patience, 1, { after: 400, chance: 0 })).toBe(400)
    expect(parseRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', Date.parse('2015-10-21T07:27:00Z'))).toBe(60_000)
    expect(parseRetryAfter('soon', 0)).toBeUndefined()
  })
})

describe('mirrors', () => {
  const mirrored = (location: string, more: object = {}): RegistriesConf => ({
    aliases: {},
    rules: [
      {
        prefix: 'docker.io',
        location: 'localhost:1',
        insecure: false,
        blocked: false,
        mirrors: [{ location, insecure: false, pullFrom: 'all' }],
        ...more,
      },
    ],
  })

  test('a public name is served by a mirror on loopback, and keeps its name', () =>
    withStore(async (get) => {
      const pulled = await get({
        name: 'someone/x',
        conf: mirrored(`${registry.host}/unused`, {
          prefix: 'docker.io/someone',
          mirrors: [{ location: registry.host, insecure: false, pullFrom: 'all' }],
        }),
      })
      expect(pulled.name).toBe('docker.io/someone/x:latest')
      expect(pulled.servedBy).toBe(`${registry.host}/x`)
    }))

  test('a mirror that fails is passed over; what it said is told when nobody has it', () =>
    withStore(async (get) => {
      const places = mirrored('localhost:2', { prefix: 'docker.io/someone', location: registry.host })
      expect((await get({ name: 'someone/x', conf: places })).servedBy).toBe(`${registry.host}/x`)
      await expect(get({ name: 'someone/y', conf: places })).rejects.toMatchObject({
        message: `registry ${registry.host} has no image docker.io/someone/y:latest`,
        facts: {
          found: expect.stringContaining('mirror localhost:2: registry localhost:2 cannot be reached') as unknown,
        },
      })
    }))

  test('a short name is looked for in the listed registries, in their order', () =>
    withStore(async (get) => {
      const conf = { aliases: {}, rules: [], searchRegistries: [`${registry.host}/none`, registry.host] }
      expect((await get({ name: 'x', conf })).name).toBe(`${registry.host}/x:latest`)
      await expect(get({ name: 'y', conf })).rejects.toMatchObject({
        message: 'no registry has none/y',
        facts: { status: 404 },
      })
    }))
})

test('20 pulls at once fetch each layer and config once', () =>
  withStore(async (get) => {
    const shared = new SharedTakes()
    const pulls = Array.from({ length: 20 }, () => get({ options: { shared } }))
    expect(new Set((await Promise.all(pulls)).map(({ image: { id } }) => id)).size).toBe(1)
    const blobs = registry.asked.filter((path) => path.includes('/blobs/'))
    expect(blobs.sort()).toEqual([...new Set(blobs)])
    expect(blobs).toHaveLength(3)
  }))

test('one of two pulls is cancelled: the other goes on', () =>
  withStore(async (get) => {
    const shared = new SharedTakes()
    const gone = new AbortController()
    const held: (() => void)[] = []
    registry.fault = (request) => {
      if (!request.isLayer) return false
      held.push(() => request.response.end(request.body))
      if (held.length === 2) gone.abort()
      return true
    }
    const first = get({ options: { shared, signal: gone.signal } })
    const second = get({ options: { shared } })
    await expect(first).rejects.toMatchObject({ facts: { id: 'image.cancelled' } })
    for (const release of held) release()
    registry.fault = undefined
    expect((await second).image.layers).toHaveLength(2)
  }))

describe('TLS', () => {
  const withTls = (
    work: (setUp: {
      host: string
      home: string
      place: (files: Record<string, string>, host?: string) => void
      get: (host?: string) => Promise<Pulled>
    }) => Promise<void>,
    ask = false,
  ) =>
    withStore(async (get, _, path) => {
      const certificates = makeCertificates(path)
      const tls = {
        ...certificates.server,
        ...(ask && { ca: certificates.ca, requestCert: true, rejectUnauthorized: true }),
      }
      const server = await startFaultyRegistry(image, tls)
      const home = join(path, 'home')
      const place = (files: Record<string, string>, host = server.host) => {
        const directory = join(home, '.config/containers/certs.d', host)
        mkdirSync(directory, { recursive: true })
        for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
      }
      Object.assign(given, certificates)
      try {
        await work({
          host: server.host,
          home,
          place,
          get: (host = server.host) => get({ name: `${host}/x`, settings: { env: { HOME: home } } }),
        })
      } finally {
        await server.stop()
      }
    })
  const given = {} as ReturnType<typeof makeCertificates>

  test('an unknown authority is refused, with where to put its certificate; there it is trusted', () =>
    withTls(async ({ host, place, get }) => {
      await expect(get()).rejects.toMatchObject({
        message: expect.stringContaining('signed by an authority that is not known here') as unknown,
        facts: { try: `its authority's certificate as /etc/containers/certs.d/${host}/ca.crt` },
      })
      place({ 'ca.crt': given.ca })
      expect((await get()).image.layers).toHaveLength(2)
    }))

  test('the directory is called as the registry is in the name', () =>
    withTls(async ({ host, place, get }) => {
      const name = host.replace('localhost', 'LocalHost')
      place({ 'ca.crt': given.ca }, name)
      await expect(get()).rejects.toMatchObject({ facts: { id: 'registry.unreachable' } })
      expect((await get(name)).image.layers).toHaveLength(2)
    }))

  test('a client certificate is shown where the registry asks for one', () =>
    withTls(async ({ place, get }) => {
      place({ 'ca.crt': given.ca })
      await expect(get()).rejects.toMatchObject({ facts: { id: expect.stringMatching(/^registry\./) as unknown } })
      place({ 'me.cert': given.client.cert })
      await expect(get()).rejects.toThrow(/^certificates of registry .* are not whole$/)
      place({ 'me.key': given.client.key })
      expect((await get()).image.layers).toHaveLength(2)
    }, true))
})
