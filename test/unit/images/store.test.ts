import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, hexOf, parseDigest } from '../../../images/digest.ts'
import { OCI_MANIFEST } from '../../../images/media-types.ts'
import { NAME_ANNOTATION, readLayoutIndex, writeLayoutIndex } from '../../../images/store/layout-index.ts'
import { pull } from '../../../images/pull.ts'
import { overlayLayers } from '../../../images/snapshot.ts'
import { Store } from '../../../images/store/store.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../../fixtures/faulty-registry.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'

const SHARED = [{ name: 'shared', content: 'shared' }]
let one: FaultyRegistry
let two: FaultyRegistry
beforeAll(async () => {
  one = await startFaultyRegistry(await makeSmallImage([SHARED, [{ name: 'one', content: '1' }]]))
  two = await startFaultyRegistry(await makeSmallImage([SHARED, [{ name: 'two', content: '2' }]]))
})
afterAll(() => Promise.all([one.stop(), two.stop()]))

const withStore = (work: (store: Store, path: string) => Promise<void>): Promise<void> =>
  inDirectory(async (path) => {
    const store = await Store.open(join(path, 'images'))
    try {
      await work(store, path)
    } finally {
      await store.close()
    }
  })

const fetchInto = async (store: Store, { host }: FaultyRegistry) =>
  (await pull(store, `${host}/x`, { applyMarks, idLimit: 1 })).image
/** As another tool does: a blob without a name. */
const putInto = async (store: Store, bytes: Buffer) => {
  await store.saveBlob(digestOf(bytes), bytes)
  return { digest: digestOf(bytes), size: bytes.length }
}

const blobsOf = (store: Store): string[] => readdirSync(join(store.directory, 'blobs/sha256')).sort()
const descriptorOf = ({ image: { manifest } }: FaultyRegistry) => ({
  mediaType: OCI_MANIFEST,
  digest: digestOf(manifest),
  size: manifest.length,
})

describe('Store', () => {
  test('an empty one is an OCI layout', () =>
    withStore((store) => {
      expect(JSON.parse(readFileSync(join(store.directory, 'oci-layout'), 'utf8'))).toEqual({
        imageLayoutVersion: '1.0.0',
      })
      expect(JSON.parse(readFileSync(join(store.directory, 'index.json'), 'utf8'))).toMatchObject({
        schemaVersion: 2,
        manifests: [],
      })
      return Promise.resolve()
    }))

  test('finds by name, short name, id, beginning of an id, and digest', () =>
    withStore(async (store) => {
      const image = await fetchInto(store, one)
      const texts = [`${one.host}/x`, `${one.host}/x:latest`, image.id, hexOf(image.id), hexOf(image.id).slice(0, 12)]
      for (const text of [
        ...texts,
        `sha256:${hexOf(image.id).slice(0, 12)}`,
        image.digest,
        `${one.host}/x@${image.digest}`,
      ]) {
        expect((await store.find(text)).id, text).toBe(image.id)
      }
      for (const text of [
        `${one.host}/x:other`,
        `${one.host}/y`,
        hexOf(image.id).slice(0, 2),
        'busybox',
        'NOT VALID',
      ]) {
        await expect(store.find(text)).rejects.toMatchObject({
          message: `no such image: ${text}`,
          facts: { id: 'image.unknown', try: `glasspod pull ${text}`, status: 404 },
        })
      }
    }))

  test('a chart that another tool put into the layout is no image, hinders nothing, and stays', () =>
    withStore(async (store) => {
      await fetchInto(store, one)
      const config = {
        mediaType: 'application/vnd.cncf.helm.config.v1+json',
        ...(await putInto(store, Buffer.from('{}'))),
      }
      const layers = [{ mediaType: 'application/tar+gzip', ...(await putInto(store, Buffer.from('chart'))) }]
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }
      const chart = { mediaType: OCI_MANIFEST, ...(await putInto(store, Buffer.from(JSON.stringify(manifest)))) }
      await writeLayoutIndex(store.directory, [...(await readLayoutIndex(store.directory)), chart])
      expect((await store.list()).map(({ names }) => names)).toEqual([[`${one.host}/x:latest`]])
      await store.remove(`${one.host}/x`)
      expect(blobsOf(store)).toEqual([config, ...layers, chart].map(({ digest }) => hexOf(digest)).sort())
    }))

  test('what is under a type of its own hinders no removal, and stays with what it names', () =>
    withStore(async (store) => {
      await fetchInto(store, one)
      const blob = await putInto(store, Buffer.from('signature'))
      const mediaType = 'application/vnd.oci.artifact.manifest.v1+json'
      const artifact = {
        mediaType,
        ...(await putInto(store, Buffer.from(JSON.stringify({ mediaType, blobs: [blob] })))),
      }
      await writeLayoutIndex(store.directory, [...(await readLayoutIndex(store.directory)), artifact])
      await store.remove(`${one.host}/x`)
      expect(blobsOf(store)).toEqual([blob, artifact].map(({ digest }) => hexOf(digest)).sort())
    }))

  test('a name that another tool writes otherwise moves to its image', () =>
    withStore(async (store) => {
      const [first, second] = [await fetchInto(store, one), await fetchInto(store, two)]
      const entries = await readLayoutIndex(store.directory)
      const again = entries.find(({ digest }) => digest === second.digest)
      if (again === undefined) throw new Error('it is not there')
      // a short name of the registry by default, and the full one
      const named = (name: string) => ({ ...again, annotations: { [NAME_ANNOTATION]: name } })
      await store.nameAlso(`${one.host}/x:latest`, 'docker.io/library/short:latest')
      await writeLayoutIndex(store.directory, [...(await readLayoutIndex(store.directory)), named('short')])
      const namesOf = async (wanted: string) =>
        (await store.list()).find(({ digest }) => digest === wanted)?.names.filter((name) => name.includes('short'))
      expect(await namesOf(first.digest)).toEqual([])
      expect(await namesOf(second.digest)).toEqual(['docker.io/library/short:latest'])
    }))

  test('removing one image leaves what the other uses', () =>
    withStore(async (store) => {
      const [first, second] = [await fetchInto(store, one), await fetchInto(store, two)]
      expect(await store.list()).toHaveLength(2)
      expect(await store.remove(`${one.host}/x`)).toEqual({ untagged: [`${one.host}/x:latest`], deleted: [first.id] })
      expect((await store.list()).map(({ id }) => id)).toEqual([second.id])
      expect(existsSync(store.layerPath(first.layers[1]!.diffId))).toBe(false)
      for (const path of overlayLayers(store, second)) expect(existsSync(path)).toBe(true)
      const { manifest, config, layers } = two.image
      expect(blobsOf(store)).toEqual([manifest, config, ...layers].map((bytes) => hexOf(digestOf(bytes))).sort())

      await store.remove(hexOf(second.id).slice(0, 12))
      expect([blobsOf(store), readdirSync(store.layersDirectory)]).toEqual([[], []])
    }))

  test('what a pull holds is not swept', () =>
    withStore(async (store) => {
      const image = await fetchInto(store, one)
      const [lowest] = image.layers
      const release = store.hold([lowest!.diffId, lowest!.digest])
      await store.remove(image.id)
      expect(await store.hasLayer(lowest!.diffId)).toBe(true)
      expect(await store.hasBlob(lowest!.digest)).toBe(true)
      expect(blobsOf(store)).toHaveLength(1)
      release()
    }))

  test('nor what one takes hold of while a removal is at work', () =>
    inDirectory(async (path) => {
      let asked = 0
      let begin = (): void => undefined
      const users = () => {
        // the second time is the sweep's
        if (++asked === 2) begin()
        return new Map<string, string>()
      }
      const store = await Store.open(join(path, 'images'), { users })
      const { id, digest, layers } = await fetchInto(store, one)
      const blobs = [digest, id, ...layers.map((layer) => layer.digest)]
      begin = () => void store.hold([...blobs, ...layers.map(({ diffId }) => diffId)])
      await store.remove(id)
      for (const blob of blobs) expect(await store.hasBlob(blob)).toBe(true)
      for (const { diffId } of layers) expect(await store.hasLayer(diffId)).toBe(true)
      await store.close()
    }))

  test('an id with two names is a conflict, a name takes only itself, force takes all', () =>
    withStore(async (store) => {
      const image = await fetchInto(store, one)
      await store.tag(descriptorOf(one), 'docker.io/library/second:1')
      expect((await store.find('second:1')).names).toEqual([`${one.host}/x:latest`, 'docker.io/library/second:1'])
      await expect(store.remove(image.id)).rejects.toMatchObject({ facts: { id: 'image.conflict', status: 409 } })
      expect(await store.remove('second:1')).toEqual({ untagged: ['docker.io/library/second:1'], deleted: [] })
      expect(await store.hasBlob(image.digest)).toBe(true)
      await store.tag(descriptorOf(one), 'docker.io/library/second:1')
      expect((await store.remove(image.id, { force: true })).deleted).toEqual([image.id])
      expect(blobsOf(store)).toEqual([])
    }))

  test('a name that moves leaves the old image without one', () =>
    withStore(async (store) => {
      const [first, second] = [await fetchInto(store, one), await fetchInto(store, two)]
      await store.tag(descriptorOf(two), `${one.host}/x:latest`)
      const images = await store.list()
      expect(images.map(({ id, names }) => [id, names])).toEqual([
        [first.id, []],
        [second.id, [`${two.host}/x:latest`, `${one.host}/x:latest`]],
      ])
      expect((await store.remove(first.id)).deleted).toEqual([first.id])
    }))

  describe('with a container that runs from an image', () => {
    const withUser = (work: (store: Store, id: string) => Promise<void>): Promise<void> =>
      inDirectory(async (path) => {
        const users = new Map<string, string>()
        const store = await Store.open(join(path, 'images'), { users: () => users })
        try {
          const { id } = await fetchInto(store, one)
          users.set(id, 'web')
          await work(store, id)
        } finally {
          await store.close()
        }
      })

    test('the last name goes by force only, and the image stays', () =>
      withUser(async (store, id) => {
        const name = `${one.host}/x:latest`
        await store.nameAlso(name, 'docker.io/library/second:1')
        await store.remove('second:1')
        for (const text of [name, id])
          await expect(store.remove(text)).rejects.toMatchObject({
            message: `image ${text} is used by container web`,
            facts: { id: 'image.in-use', status: 409 },
          })
        await expect(store.remove(id, { force: true })).rejects.toMatchObject({ facts: { id: 'image.in-use' } })
        expect(await store.remove(name, { force: true })).toEqual({ untagged: [name], deleted: [] })
        const image = await store.find(id)
        expect(image.names).toEqual([])
        for (const { diffId } of image.layers) expect(await store.hasLayer(diffId)).toBe(true)
      }))

    test('a prune leaves it, with all names and without any', () =>
      withUser(async (store, id) => {
        await fetchInto(store, two)
        expect((await store.prune(() => true)).untagged).toEqual([`${two.host}/x:latest`])
        expect((await store.list()).map((image) => image.id)).toEqual([id])
      }))

    test('its layers stay when another program takes the image out of the layout', () =>
      withUser(async (store, id) => {
        const { layers } = await store.find(id)
        writeFileSync(join(store.directory, 'index.json'), '{"schemaVersion":2,"manifests":[]}')
        expect((await store.prune(() => true)).deleted).toEqual([])
        for (const { diffId } of layers) expect(await store.hasLayer(diffId)).toBe(true)
        expect(blobsOf(store)).toEqual([hexOf(parseDigest(id))])
      }))
  })

  test('a prune tells the bytes of the blobs that went', () =>
    withStore(async (store) => {
      const [first] = [await fetchInto(store, one), await fetchInto(store, two)]
      const [shared] = first.layers
      const { untagged, deleted, reclaimed } = await store.prune(({ id }) => id === first.id)
      expect([untagged, deleted]).toEqual([[`${one.host}/x:latest`], [first.id]])
      expect(reclaimed).toBe(first.size - (shared?.size ?? 0))
      expect((await store.prune(() => false)).reclaimed).toBe(0)
    }))

  test('one more name says nothing of any registry', () =>
    withStore(async (store) => {
      const image = await fetchInto(store, one)
      expect(image.repoDigests).toEqual([`${one.host}/x@${image.digest}`])
      await store.nameAlso(image.id, 'docker.io/library/second:1')
      const [, entry] = await readLayoutIndex(store.directory)
      expect(entry?.annotations).toEqual({ [NAME_ANNOTATION]: 'docker.io/library/second:1' })
      expect((await store.find('second:1')).repoDigests).toEqual(image.repoDigests)
      await expect(store.nameAlso('nothing', 'docker.io/library/x:1')).rejects.toMatchObject({
        facts: { id: 'image.unknown', status: 404 },
      })
    }))

  test('names given at the same time are all kept', () =>
    withStore(async (store) => {
      await fetchInto(store, one)
      const names = Array.from({ length: 20 }, (_, at) => `docker.io/library/n:${at}`)
      await Promise.all(names.map((name) => store.tag(descriptorOf(one), name)))
      expect((await store.find('n:7')).names.slice(1)).toEqual(names)
    }))

  test('what a crash left is gone after opening, and nothing else', () =>
    inDirectory(async (path) => {
      const directory = join(path, 'images')
      const first = await Store.open(directory)
      const image = await fetchInto(first, one)
      await first.close()
      const before = [blobsOf(first), readdirSync(first.layersDirectory)]
      writeFileSync(join(directory, 'index.json.abc.tmp'), '{')
      writeFileSync(join(directory, 'blobs/sha256', `${'a'.repeat(64)}.abc.tmp`), 'half')
      mkdirSync(join(path, 'layers', 'abc.tmp', 'deep'), { recursive: true })
      // A lock whose owner is dead: no process has this pid with this start time.
      writeFileSync(join(directory, 'lock'), `${process.pid} 1\n`)
      const second = await Store.open(directory)
      expect([blobsOf(second), readdirSync(second.layersDirectory)]).toEqual(before)
      expect(readdirSync(directory).sort()).toEqual(['blobs', 'index.json', 'lock', 'oci-layout'])
      expect((await second.find(image.id)).names).toEqual(image.names)
      await second.close()
      expect(existsSync(join(directory, 'lock'))).toBe(false)
    }))

  test('what was still to be removed when a removal was killed is removed by the next who opens it', () =>
    inDirectory(async (path) => {
      const directory = join(path, 'images')
      const first = await Store.open(directory)
      await fetchInto(first, one)
      await fetchInto(first, two)
      await first.close()
      const index = await readLayoutIndex(directory)
      // as after the new index.json and before the sweep
      writeFileSync(join(directory, 'sweep.tmp'), '')
      await writeLayoutIndex(directory, index.slice(1))
      const second = await Store.open(directory)
      expect(readdirSync(second.layersDirectory)).toHaveLength(2)
      expect(blobsOf(second)).toHaveLength(4)
      expect(await second.find(`${two.host}/x`)).toMatchObject({ digest: descriptorOf(two).digest })
      expect(existsSync(join(directory, 'sweep.tmp'))).toBe(false)
      await second.close()
    }))

  test('whoever is about to be refused loses nothing to the one who has it; of the dead nothing stays', () =>
    inDirectory(async (path) => {
      const directory = join(path, 'images')
      await Store.open(directory).then((store) => store.close())
      const [taking, dead] = [`lock.${process.ppid}.tmp`, 'lock.4194304.tmp']
      for (const name of [taking, dead]) writeFileSync(join(directory, name), '')
      await Store.open(directory).then((store) => store.close())
      expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([taking])
    }))

  test('a second one on the same directory is refused', () =>
    withStore(async (store) => {
      await expect(Store.open(store.directory)).rejects.toMatchObject({
        message: `image store ${store.directory} is in use by process ${process.pid}`,
        facts: { id: 'store.locked' },
      })
      expect(readdirSync(store.directory).filter((name) => name.includes('.tmp'))).toEqual([])
    }))

  test('a blob that was changed on disk is not used', () =>
    withStore(async (store) => {
      const image = await fetchInto(store, one)
      writeFileSync(store.blobPath(image.id), '{}')
      await expect(store.list()).rejects.toMatchObject({
        facts: { id: 'store.damaged', found: store.blobPath(image.id) },
      })
    }))

  test('a layer that an image has twice is given once, at its highest place', () => {
    const layers = ['1', '2', '1'].map((hex) => ({
      digest: parseDigest(`sha256:${hex.repeat(64)}`),
      diffId: parseDigest(`sha256:${hex.repeat(64)}`),
      size: 1,
    }))
    expect(overlayLayers({ layersDirectory: '/l' }, { layers })).toEqual([
      `/l/${'1'.repeat(64)}`,
      `/l/${'2'.repeat(64)}`,
    ])
  })
})
