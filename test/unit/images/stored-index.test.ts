/** Promise: an index that another tool put into the store is one image, that for this machine, until it is removed. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digestOf, hexOf, type Digest } from '../../../images/digest.ts'
import type { Descriptor } from '../../../images/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../../images/media-types.ts'
import { hostPlatform, parsePlatform } from '../../../images/platform.ts'
import { Store } from '../../../images/store/store.ts'
import { makeSmallImage, type SmallImage } from '../../fixtures/faulty-registry.ts'
import { putImage, putIndex, putName } from '../../fixtures/put-image.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'

const NAME = 'docker.io/library/listed:1'
/** Of no machine that runs these tests. */
const FOREIGN = parsePlatform('plan9/mips')

const withStore = (work: (store: Store, users: Map<string, string>) => Promise<void>): Promise<void> =>
  inDirectory(async (path) => {
    const users = new Map<string, string>()
    const store = await Store.open(join(path, 'images'), { users: () => users })
    try {
      await work(store, users)
    } finally {
      await store.close()
    }
  })

const imageOf = (content: string): Promise<SmallImage> => makeSmallImage([[{ name: 'f', content }]])
const blobsOf = ({ manifest, config, layers }: SmallImage): Digest[] =>
  [manifest, config, ...layers].map((bytes) => digestOf(bytes))
const listBlobs = (store: Store): string[] => readdirSync(join(store.directory, 'blobs/sha256')).sort()

interface Setting {
  store: Store
  users: Map<string, string>
  mine: SmallImage
  index: Descriptor
}

/** Two platforms under one name, the other one first. */
const withIndex = (work: (setting: Setting) => Promise<void>) =>
  withStore(async (store, users) => {
    const mine = await imageOf('mine')
    const other = await putImage(store, await imageOf('other'), FOREIGN)
    const index = await putIndex(store, [other, await putImage(store, mine, hostPlatform())])
    await putName(store, index, NAME)
    await work({ store, users, mine, index })
  })

describe('an index in the store', () => {
  test('is the image for this machine, by its name and by both digests', () =>
    withIndex(async ({ store, mine, index }) => {
      const id = digestOf(mine.config)
      expect(await store.list()).toMatchObject([{ id, names: [NAME], digest: digestOf(mine.manifest) }])
      for (const text of ['listed:1', `listed@${index.digest}`, index.digest, digestOf(mine.manifest), id])
        expect((await store.find(text)).id, text).toBe(id)
    }))

  test('keeps all that it leads to while it has a name, and then nothing', () =>
    withIndex(async ({ store, mine }) => {
      const before = listBlobs(store)
      expect(before).toHaveLength(7)
      await store.nameAlso('listed:1', 'docker.io/library/second:1')
      expect((await store.prune(({ names }) => names.length === 0)).reclaimed).toBe(0)
      expect(await store.remove('listed:1')).toEqual({ untagged: [NAME], deleted: [] })
      expect(listBlobs(store)).toEqual(before)
      expect(await store.remove('second:1')).toEqual({
        untagged: ['docker.io/library/second:1'],
        deleted: [digestOf(mine.config)],
      })
      expect(listBlobs(store)).toEqual([])
    }))

  test('hinders nobody where the image for this machine is damaged: the next one is listed, and can be removed', () =>
    withStore(async (store) => {
      const whole = await putImage(store, await imageOf('whole'), FOREIGN)
      const { config } = await imageOf('of other layers')
      const mine = await imageOf('mine')
      // a config with a DiffID for which the manifest has no layer
      const manifest = JSON.parse(mine.manifest.toString()) as { layers: unknown[] }
      const damaged = { ...mine, config, manifest: Buffer.from(JSON.stringify({ ...manifest, layers: [] })) }
      await putName(store, await putIndex(store, [await putImage(store, damaged, hostPlatform()), whole]), NAME)
      expect(await store.list()).toMatchObject([{ names: [NAME], digest: whole.digest }])
      expect(await store.remove('listed:1')).toMatchObject({ untagged: [NAME] })
    }))

  test('goes with a prune of all, and stays without its name where a container needs it', () =>
    withIndex(async ({ store, users, mine }) => {
      const id = digestOf(mine.config)
      users.set(id, 'web')
      expect((await store.prune(() => true)).deleted).toEqual([])
      expect(await store.remove(NAME, { force: true })).toEqual({ untagged: [NAME], deleted: [] })
      expect(await store.list()).toMatchObject([{ id, names: [] }])
      users.clear()
      expect((await store.prune(() => true)).deleted).toEqual([id])
      expect(listBlobs(store)).toEqual([])
    }))

  test('and its manifest under another name are one image', () =>
    withIndex(async ({ store, mine, index }) => {
      const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(mine.manifest), size: mine.manifest.length }
      await putName(store, manifest, 'docker.io/library/alone:1')
      expect(await store.list()).toMatchObject([
        { names: [NAME, 'docker.io/library/alone:1'], entries: [index.digest, manifest.digest] },
      ])
      await store.remove('listed:1')
      expect(listBlobs(store)).toEqual(blobsOf(mine).map(hexOf).sort())
    }))

  test('whose name a pull takes is found without one', () =>
    withIndex(async ({ store }) => {
      const newer = await imageOf('newer')
      await store.tag(await putImage(store, newer), NAME)
      expect((await store.list()).map(({ names }) => names)).toEqual([[], [NAME]])
      await store.prune(({ names }) => names.length === 0)
      expect(listBlobs(store)).toEqual(blobsOf(newer).map(hexOf).sort())
    }))

  test('may hold indexes, and lack what is for other machines', () =>
    withStore(async (store) => {
      const mine = await imageOf('mine')
      const inner = await putIndex(store, [await putImage(store, mine, hostPlatform())])
      const absent = (mediaType: string) => ({ mediaType, digest: digestOf(Buffer.from(mediaType)), size: 7 })
      const foreign = { ...absent(OCI_MANIFEST), platform: FOREIGN }
      await putName(store, await putIndex(store, [foreign, absent(OCI_INDEX), inner, inner]), NAME)
      expect((await store.find(NAME)).digest).toBe(digestOf(mine.manifest))
    }))

  test('of other machines only is its first image: it can be removed', () =>
    withStore(async (store) => {
      const [first, second] = [await imageOf('first'), await imageOf('second')]
      const manifests = [await putImage(store, first, FOREIGN), await putImage(store, second, FOREIGN)]
      await putName(store, await putIndex(store, manifests), NAME)
      expect((await store.find(NAME)).id).toBe(digestOf(first.config))
      await store.remove(NAME)
      expect(listBlobs(store)).toEqual([])
    }))

  test('of nothing that is here is no image', () =>
    withStore(async (store) => {
      await putName(store, await putIndex(store, []), NAME)
      expect(await store.list()).toEqual([])
    }))
})
