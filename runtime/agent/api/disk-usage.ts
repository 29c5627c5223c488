/** GET /system/df: what images and containers take on the disk. */
import { stat } from 'node:fs/promises'
import type { Digest } from '../../../images/digest.ts'
import type { Image } from '../../../images/image.ts'
import type { Store } from '../../../images/store/store.ts'
import { isFailure } from '../../errors.ts'
import type { Agent } from '../agent.ts'
import { summariseContainer, summariseImage } from './describe.ts'

/** Unpacked layers do not change: each is counted once in the agent's life. */
const unpacked = new Map<string, Promise<number>>()

type Measure = (path: string) => Promise<number>

const sizeOfFile: Measure = async (path) => {
  const found = await stat(path).catch(() => undefined)
  return found?.size ?? 0
}

/** With what its index has for other machines; where that cannot be read, its own. */
const partsOf = async (store: Store, image: Image): Promise<Iterable<Digest>> => {
  try {
    return await store.partsOf(image)
  } catch (error) {
    if (!isFailure(error)) throw error
    return [image.digest, image.id, ...image.layers.map(({ digest }) => digest)]
  }
}

/** Bytes by digest: blobs, and unpacked layers under their DiffID. */
const measureParts = async (store: Store, image: Image, readDiskUsage: Measure): Promise<Map<Digest, number>> => {
  const parts = new Map<Digest, number>()
  for (const digest of await partsOf(store, image)) parts.set(digest, await sizeOfFile(store.blobPath(digest)))
  for (const { diffId } of image.layers) {
    const path = store.layerPath(diffId)
    const known = unpacked.get(path) ?? readDiskUsage(path)
    unpacked.set(path, known)
    // An uncompressed layer's blob has its DiffID as digest: both count.
    parts.set(diffId, (parts.get(diffId) ?? 0) + (await known))
  }
  return parts
}

export const answerDiskUsage = async (agent: Agent) => {
  const [{ readDiskUsage }, store] = await Promise.all([
    import('../../../images/store/disk-usage.ts'),
    agent.images.store(),
  ])
  const images = await agent.images.list()
  const known = new Set(images.flatMap(({ layers }) => layers.map(({ diffId }) => store.layerPath(diffId))))
  for (const path of unpacked.keys()) if (!known.has(path)) unpacked.delete(path)
  const parts = new Map<Image, Map<Digest, number>>()
  for (const image of images) parts.set(image, await measureParts(store, image, readDiskUsage))
  const holders = new Map<Digest, number>()
  for (const of of parts.values()) for (const digest of of.keys()) holders.set(digest, (holders.get(digest) ?? 0) + 1)
  const containers = [...agent.containers.all.values()]
  const sum = (of: ReadonlyMap<Digest, number>, isCounted: (digest: Digest) => boolean): number =>
    [...of].reduce((total, [digest, bytes]) => total + (isCounted(digest) ? bytes : 0), 0)
  const all = new Map([...parts.values()].flatMap((of) => [...of]))
  return {
    LayersSize: sum(all, () => true),
    Images: images.map((image) => {
      const own = parts.get(image) ?? new Map<Digest, number>()
      return {
        ...summariseImage(image),
        Size: sum(own, () => true),
        SharedSize: sum(own, (digest) => (holders.get(digest) ?? 0) > 1),
        Containers: containers.filter(({ record }) => record.image.id === image.id).length,
      }
    }),
    Containers: await Promise.all(
      containers.map(async (container) => ({
        ...(await summariseContainer(agent, container)),
        SizeRw: await readDiskUsage(`${container.directory}/upper`),
      })),
    ),
    Volumes: [],
    BuildCache: [],
  }
}
