import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../../images/image.ts'
import { pull } from '../../../images/pull.ts'
import { push, type PushProgress } from '../../../images/push.ts'
import { parseReference } from '../../../images/reference.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { Store } from '../../../images/store/store.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../../fixtures/faulty-registry.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { startUploadRegistry, type UploadRegistry, type UploadRequest } from '../../fixtures/upload-registry.ts'

const CONF = { rules: [], aliases: {} }
let from: FaultyRegistry
let to: UploadRegistry
beforeAll(async () => {
  const layers = [[{ name: 'a', content: 'a'.repeat(100_000) }], [{ name: 'b', content: 'b' }]]
  from = await startFaultyRegistry(await makeSmallImage(layers))
  to = await startUploadRegistry()
})
afterAll(() => Promise.all([from.stop(), to.stop()]))
afterEach(() => {
  to.fault = undefined
  to.asked.length = 0
  to.blobs.clear()
  to.manifests.clear()
})

interface Session {
  store: Store
  image: Image
  send: (name: string, login?: { username: string; password: string }) => Promise<PushProgress[]>
}

const withImage = (work: (session: Session) => Promise<void>): Promise<void> =>
  inDirectory(async (path) => {
    const store = await Store.open(join(path, 'images'))
    const { image } = await pull(store, `${from.host}/x`, { applyMarks, idLimit: 1 })
    const send: Session['send'] = async (name, login) => {
      const registry = new Registry({
        patience: { firstMs: 1, longestMs: 5 },
        settings: { env: { HOME: path } },
        ...(login !== undefined && { logins: [{ host: to.host, ...login }] }),
      })
      const events: PushProgress[] = []
      const options = { registry, conf: CONF, onProgress: (event: PushProgress) => events.push(event) }
      try {
        await push(store, image, parseReference(`${to.host}/${name}`), options)
        return events
      } finally {
        await registry.close()
      }
    }
    try {
      await work({ store, image, send })
    } finally {
      await store.close()
    }
  })

const statesOf = (events: readonly PushProgress[]) =>
  events.flatMap(({ state }) => (state === 'preparing' || state === 'pushing' ? [] : [state]))

/** The first request of that kind. */
const once = (method: string, part: string, work: (request: UploadRequest) => void) => {
  let isOver = false
  return (request: UploadRequest): boolean => {
    if (isOver || request.method !== method || !request.url.pathname.includes(part)) return false
    isOver = true
    work(request)
    return true
  }
}

describe('push', () => {
  test('sends what is not there, then the manifest, byte for byte', () =>
    withImage(async ({ send }) => {
      expect(statesOf(await send('team/x:1'))).toEqual(['pushed', 'pushed', 'pushed'])
      expect(to.manifests.get('team/x:1')).toEqual(from.image.manifest)
      expect(to.asked.at(-1)).toBe('PUT /v2/team/x/manifests/1')
      to.asked.length = 0
      expect(statesOf(await send('team/x:2'))).toEqual(['exists', 'exists', 'exists'])
      expect(to.asked.filter((line) => !line.startsWith('HEAD'))).toEqual(['PUT /v2/team/x/manifests/2'])
    }))

  test('has blobs mounted from a repository of that registry that an image here is called by', () =>
    withImage(async ({ store, image, send }) => {
      await send('team/x:1')
      await store.nameAlso(image.id, `${to.host}/team/x:1`)
      expect(statesOf(await send('other/y:1'))).toEqual(['mounted', 'mounted', 'mounted'])
      to.blobs.clear()
      expect(statesOf(await send('other/y:1')), 'where it has them no more').toEqual(['pushed', 'pushed', 'pushed'])
    }))

  test('under a name that it has here is known to be there by its digest; another name says nothing', () =>
    withImage(async ({ store, image, send }) => {
      await store.nameAlso(image.id, `${to.host}/team/x:1`)
      await send('other/y:1')
      expect((await store.find(image.id)).repoDigests).toEqual([`${from.host}/x@${image.digest}`])
      await send('team/x:1')
      expect((await store.find(image.id)).repoDigests).toEqual([
        `${from.host}/x@${image.digest}`,
        `${to.host}/team/x@${image.digest}`,
      ])
    }))

  test('by digest, which must be its own', () =>
    withImage(async ({ image, send }) => {
      await send(`x@${image.digest}`)
      expect([...to.manifests.keys()]).toEqual([`x:${image.digest}`])
      await expect(send(`x@sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
        facts: { id: 'image.push', status: 400 },
      })
    }))

  test.each([
    [
      'a connection that breaks in the middle',
      ({ request, response }: UploadRequest) => request.once('data', () => response.socket?.resetAndDestroy()),
    ],
    [
      'a registry that fails once',
      ({ request, response }: UploadRequest) => request.resume().once('end', () => response.writeHead(503).end()),
    ],
  ])('begins a blob anew after %s', (_, work) =>
    withImage(async ({ send }) => {
      to.fault = once('PUT', '/blobs/', work)
      await send('x:1')
      expect(to.manifests.get('x:1')).toEqual(from.image.manifest)
    }),
  )

  test('gives up on a registry that goes on failing, and the manifest is not sent', () =>
    withImage(async ({ send }) => {
      to.fault = ({ method, response, request }) => {
        if (method !== 'PUT') return false
        request.resume().once('end', () => response.writeHead(500).end())
        return true
      }
      await expect(send('x:1')).rejects.toMatchObject({ facts: { id: 'registry.status' } })
      expect(to.manifests.size).toBe(0)
    }))

  test('logs in by Basic, and by a token for pull and push', () =>
    withImage(async ({ send }) => {
      const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`
      const refuse = ({ response, request }: UploadRequest, challenge: string): boolean => {
        request.resume()
        response.writeHead(401, { 'www-authenticate': challenge }).end()
        return true
      }
      to.fault = (asked) => (asked.authorization === basic ? false : refuse(asked, 'Basic realm="here"'))
      await expect(send('x:1')).rejects.toMatchObject({ facts: { id: 'registry.denied' } })
      await send('x:1', { username: 'me', password: 'secret' })
      const scopes = new Set<string | null>()
      to.fault = (asked) => {
        if (asked.url.pathname === '/token') {
          scopes.add(asked.url.searchParams.get('scope'))
          asked.response.end('{"token":"let-me-in"}')
          return true
        }
        return asked.authorization === 'Bearer let-me-in'
          ? false
          : refuse(asked, `Bearer realm="http://${to.host}/token",service="here"`)
      }
      await send('x:2')
      expect([...scopes]).toEqual(['repository:x:pull,push'])
      expect([...to.manifests.keys()]).toEqual(['x:1', 'x:2'])
    }))

  test('sends no login to where an upload goes on elsewhere', () =>
    withImage(async ({ send }) => {
      const elsewhere = await startUploadRegistry()
      const seen: (string | undefined)[] = []
      elsewhere.fault = ({ authorization }) => {
        seen.push(authorization)
        return false
      }
      to.fault = ({ authorization, method, response, url, request }) => {
        if (authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
          return true
        }
        if (method !== 'POST') return false
        request.resume()
        response
          .writeHead(202, { location: `http://${elsewhere.host.replace('localhost', '127.0.0.1')}${url.pathname}1` })
          .end()
        return true
      }
      await send('x:1', { username: 'me', password: 'secret' })
      expect(seen).toEqual([undefined, undefined, undefined])
      await elsewhere.stop()
    }))

  test.each([
    ['to a file', 'file:///etc/passwd'],
    ['to the metadata of a cloud', 'http://169.254.169.254/x'],
  ])('is refused where an upload is to go %s', (_, location) =>
    withImage(async ({ send }) => {
      to.fault = once('POST', '/blobs/', ({ response }) => response.writeHead(202, { location }).end())
      await expect(send('x:1')).rejects.toMatchObject({ facts: { id: 'registry.url' } })
    }),
  )

  test('names the registry’s refusal, and a blob that is damaged here', () =>
    withImage(async ({ store, image, send }) => {
      to.fault = once('PUT', '/manifests/', ({ response, request }) => {
        request.resume()
        response.writeHead(400, { 'content-type': 'application/json' })
        response.end('{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}')
      })
      await expect(send('x:1')).rejects.toMatchObject({
        message: `registry ${to.host} failed at manifest x:1: status 400`,
        facts: { found: `${to.host} answered 400: MANIFEST_INVALID: no` },
      })
      const [layer] = image.layers
      writeFileSync(store.blobPath(layer!.digest), 'short')
      await expect(send('y:1')).rejects.toMatchObject({ facts: { id: 'store.damaged' } })
      rmSync(store.blobPath(layer!.digest))
      await expect(send('y:1')).rejects.toMatchObject({ facts: { id: 'store.damaged' } })
      expect(to.manifests.size).toBe(0)
    }))
})
