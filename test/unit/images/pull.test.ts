import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, hexOf } from '../../../images/digest.ts'
import type { LayerProgress } from '../../../images/layer-fetch.ts'
import { pull, type Pulled, type PullOptions } from '../../../images/pull.ts'
import { EMPTY_CONF } from '../../../images/registry/registries-conf.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { overlayLayers } from '../../../images/snapshot.ts'
import { Store } from '../../../images/store/store.ts'
import {
  faults,
  makeSmallImage,
  startFaultyRegistry,
  type Fault,
  type FaultyRegistry,
} from '../../fixtures/faulty-registry.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'

/** Pseudo-random, so that it does not shrink: the layer comes in more than one piece. */
const noise = (seed: number): Buffer => {
  let state = seed
  return Buffer.from(Array.from({ length: 200_000 }, () => (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16))
}

let registry: FaultyRegistry
beforeAll(async () => {
  registry = await startFaultyRegistry(
    await makeSmallImage([
      [{ name: 'a', content: noise(1) }],
      [{ name: 'b', content: noise(2) }],
      [{ name: 'c/d', content: 'd' }],
    ]),
  )
})
afterAll(() => registry.stop())

interface Puller {
  store: Store
  get: (options?: Partial<PullOptions>) => Promise<Pulled>
}

const withStore = (work: (puller: Puller) => Promise<void>): Promise<void> =>
  inDirectory(async (path) => {
    const store = await Store.open(join(path, 'images'))
    const client = new Registry({
      timeouts: { answerMs: 300, idleMs: 300 },
      patience: { retries: 2, firstMs: 1 },
      settings: { env: {} },
    })
    try {
      const get: Puller['get'] = (options) =>
        pull(store, `${registry.host}/x`, { applyMarks, idLimit: 1, registry: client, conf: EMPTY_CONF, ...options })
      await work({ store, get })
    } finally {
      registry.fault = undefined
      registry.asked.length = 0
      await client.close()
      await store.close()
    }
  })

const expectNothingHalfMade = async (store: Store): Promise<void> => {
  expect(await store.list()).toEqual([])
  for (const directory of [store.directory, store.layersDirectory, join(store.directory, 'blobs/sha256')]) {
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  }
  for (const hex of readdirSync(join(store.directory, 'blobs/sha256'))) {
    expect(hexOf(digestOf(readFileSync(join(store.directory, 'blobs/sha256', hex))))).toBe(hex)
  }
}

describe('pull', () => {
  test('stores blobs and layers, tells of progress, and asks once when all is here', () =>
    withStore(async ({ store, get }) => {
      const events: LayerProgress[] = []
      const { image, isNew } = await get({ onProgress: (event) => events.push(event) })
      expect(isNew).toBe(true)
      expect(image.names).toEqual([`${registry.host}/x:latest`])
      expect(image.digest).toBe(digestOf(registry.image.manifest))
      expect(image.id).toBe(digestOf(registry.image.config))
      expect(overlayLayers(store, image)).toEqual(
        registry.image.diffIds.map((diffId) => store.layerPath(diffId)).reverse(),
      )
      expect(readFileSync(join(overlayLayers(store, image)[2] ?? '', 'a'))).toEqual(noise(1))
      for (const { digest, size } of image.layers) {
        const states = events.filter(({ layer }) => layer === digest)
        expect(states[0]).toEqual({ layer: digest, state: 'waiting', current: 0, total: size })
        expect(states.at(-1)).toEqual({ layer: digest, state: 'done', current: size, total: size })
        expect(states.map(({ state }) => state)).toContain('downloading')
      }

      registry.asked.length = 0
      const states: string[] = []
      const again = await get({ onProgress: ({ state }) => states.push(state) })
      expect(again.isNew).toBe(false)
      expect(registry.asked).toEqual(['/v2/x/manifests/latest'])
      expect(states.filter((state) => state === 'exists')).toHaveLength(3)
    }))

  test('a layer that is only missing unpacked comes from its blob', () =>
    withStore(async ({ store, get }) => {
      const { image } = await get()
      const { rm } = await import('node:fs/promises')
      await rm(store.layersDirectory, { recursive: true })
      const { mkdir } = await import('node:fs/promises')
      await mkdir(store.layersDirectory)
      registry.asked.length = 0
      await get()
      expect(registry.asked).toEqual(['/v2/x/manifests/latest'])
      expect(readFileSync(join(overlayLayers(store, image)[2] ?? '', 'a'))).toEqual(noise(1))
    }))

  const failing: [string, Fault, string, RegExp][] = [
    ['truncated', faults.truncated, 'registry.interrupted', /broke off the transfer/],
    ['shorter than promised', faults.short, 'registry.size', /shorter than the manifest says/],
    ['longer than promised', faults.long, 'registry.size', /longer than the manifest says/],
    ['damaged', faults.flipped, 'registry.digest', /^blob sha256:[0-9a-f]+ does not match its digest$/],
    ['stalled', faults.stalled, 'registry.timeout', /is silent: nothing came for 0.3 s/],
    ['silent', faults.silent, 'registry.timeout', /is silent/],
    ['reset', faults.reset, 'registry.reset', /cannot be reached: ECONNRESET \(connection reset\)/],
    [
      'wrong token',
      faults.badToken,
      'registry.denied',
      /^registry localhost:\d+ refuses image localhost:\d+\/x:latest$/,
    ],
    ['login', faults.login, 'registry.denied', /wants a login for x$/],
    ['too many requests', faults.tooMany, 'registry.limit', /takes no more requests for now$/],
    ['broken', faults.broken, 'registry.status', /status 500$/],
    ['redirect loop', faults.redirectLoop, 'registry.redirect', /redirects more than 5 times$/],
    ['cloud metadata', faults.toMetadata, 'registry.url', /leads to http:\/\/169.254.169.254, which is refused$/],
    ['file', faults.toFile, 'registry.url', /leads to file:\/\/, which is refused$/],
    ['packed for the way into a bomb', faults.encodedBomb, 'image.document', /^image manifest: is not JSON$/],
  ]
  test.each(failing)('%s: a clear failure, nothing half-made, and the next pull works', (_, fault, id, sentence) =>
    withStore(async ({ store, get }) => {
      registry.fault = fault
      await expect(get()).rejects.toMatchObject({
        name: 'Failure',
        message: expect.stringMatching(sentence) as unknown,
        facts: { id },
      })
      await expectNothingHalfMade(store)
      registry.fault = undefined
      expect((await get()).image.layers).toHaveLength(3)
    }),
  )

  test('a bearer token is fetched once, for reading this repository only', () =>
    withStore(async ({ get }) => {
      registry.fault = faults.goodToken
      await get()
      expect(registry.asked.filter((path) => path.startsWith('/token'))).toEqual([
        '/token?service=here&scope=repository%3Ax%3Apull',
      ])
    }))

  test('credentials do not follow a redirect to another host', () =>
    withStore(async ({ get }) => {
      const seen: (string | undefined)[] = []
      registry.fault = (request) => {
        if (request.path.startsWith('/elsewhere')) seen.push(request.authorization)
        else if (faults.goodToken(request)) return true
        return faults.otherHost(request)
      }
      await get()
      expect(seen).toEqual([undefined, undefined, undefined, undefined])
    }))

  test('an unknown image says so, without the terminal escapes of the other side', () =>
    withStore(async ({ store }) => {
      await expect(pull(store, `${registry.host}/y`, { applyMarks, conf: EMPTY_CONF })).rejects.toMatchObject({
        message: `registry ${registry.host} has no image ${registry.host}/y:latest`,
        facts: { found: `${registry.host} answered 404: MANIFEST_UNKNOWN: manifest  [31munknown`, status: 404 },
      })
    }))

  test('nobody listens', () =>
    withStore(async ({ store }) => {
      await expect(pull(store, 'localhost:1/x', { applyMarks, conf: EMPTY_CONF })).rejects.toThrow(
        'registry localhost:1 cannot be reached: ECONNREFUSED (connection refused)',
      )
    }))

  test('cancelled', () =>
    withStore(async ({ store, get }) => {
      const controller = new AbortController()
      registry.fault = faults.stalled
      const started = ({ state }: LayerProgress): void => {
        if (state === 'downloading') controller.abort()
      }
      await expect(get({ signal: controller.signal, onProgress: started })).rejects.toThrow(
        /^pull of .* was cancelled$/,
      )
      await expectNothingHalfMade(store)
    }))

  test('a wrong DiffID', async () => {
    const lying = await startFaultyRegistry(await makeSmallImage([[{ name: 'a', content: 'a' }]], true))
    try {
      await withStore(async ({ store }) => {
        await expect(
          pull(store, `${lying.host}/x`, { applyMarks, conf: EMPTY_CONF, idLimit: 1 }),
        ).rejects.toMatchObject({
          facts: { id: 'image.diffid' },
        })
        await expectNothingHalfMade(store)
        expect(readdirSync(store.layersDirectory)).toEqual([])
      })
    } finally {
      await lying.stop()
    }
  })

  test('a layer that is a gzip bomb', async () => {
    const zeros = [{ name: 'zeros', content: Buffer.alloc(8 << 20) }]
    const bombing = await startFaultyRegistry(await makeSmallImage([zeros]))
    try {
      await withStore(async ({ store }) => {
        const options = { applyMarks, conf: EMPTY_CONF, idLimit: 1, maxBytes: 1 << 20 }
        await expect(pull(store, `${bombing.host}/x`, options)).rejects.toMatchObject({ facts: { id: 'image.bomb' } })
        await expectNothingHalfMade(store)
        expect(readdirSync(store.layersDirectory)).toEqual([])
      })
    } finally {
      await bombing.stop()
    }
  })

  test('another platform than the image has', () =>
    withStore(async ({ get }) => {
      await expect(get({ platform: { os: 'linux', architecture: 's390x' } })).rejects.toMatchObject({
        message: 'image is not made for linux/s390x',
        facts: { found: 'made for linux/amd64' },
      })
    }))
})
