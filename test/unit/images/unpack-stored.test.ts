/** Promise: what another tool put into the store is unpacked once for all who want it, can be cancelled, and squashed. */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Image } from '../../../images/image.ts'
import { Store } from '../../../images/store/store.ts'
import { SharedTakes, unpackStored, type TakeOptions } from '../../../images/take-image.ts'
import { toSmallImage } from '../../fixtures/faulty-registry.ts'
import { until } from '../../fixtures/glasspod-until.ts'
import { putImage, putName } from '../../fixtures/put-image.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { tarOf, type TarItem } from '../../fixtures/tar.ts'

/** One layer of it. */
const withStored = (
  tar: Buffer,
  work: (
    unpack: (options?: Partial<TakeOptions>) => ReturnType<typeof unpackStored>,
    list: () => string[],
  ) => Promise<void>,
): Promise<void> =>
  inDirectory(async (path) => {
    const store = await Store.open(join(path, 'images'))
    try {
      await putName(store, await putImage(store, toSmallImage([tar])), 'stored')
      const image: Image = await store.find('stored')
      const shared = new SharedTakes()
      const applyMarks = (): Promise<void> => Promise.resolve()
      await work(
        (options) => unpackStored(store, image, { applyMarks, idLimit: 1, shared, ...options }),
        () => readdirSync(store.layersDirectory),
      )
    } finally {
      await store.close()
    }
  })

const WHITEOUT: readonly TarItem[] = [{ name: '.wh.gone' }]

test('two at once unpack a layer once', async () =>
  withStored(await tarOf(WHITEOUT), async (unpack, list) => {
    let marked = 0
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    const applyMarks = (): Promise<void> => {
      marked++
      return opened
    }
    const both = Promise.all([unpack({ applyMarks }), unpack({ applyMarks })])
    await until('one is at the marks', () => marked > 0)
    open()
    await both
    expect(marked).toBe(1)
    expect(list()).toHaveLength(1)
  }))

test('cancelled: nothing is half-made, and the next one unpacks it', async () =>
  // what does not shrink comes in several pieces
  withStored(await tarOf([{ name: 'f', content: randomBytes(8 << 20) }]), async (unpack, list) => {
    const gone = new AbortController()
    const onProgress: TakeOptions['onProgress'] = ({ state }) => {
      if (state === 'unpacking') gone.abort()
    }
    await expect(unpack({ signal: gone.signal, onProgress })).rejects.toMatchObject({
      message: expect.stringMatching(/^the unpacking of image sha256:[0-9a-f]+ was cancelled$/) as unknown,
      facts: { id: 'image.cancelled' },
    })
    expect(list()).toEqual([])
    await unpack()
    expect(list()).toHaveLength(1)
  }))

test('an owner outside the map is refused with a remedy, and squashed for who asks, even at the same time', async () =>
  withStored(await tarOf([{ name: 'f', uid: 7 }]), async (unpack, list) => {
    const [plain, squashing] = await Promise.allSettled([
      unpack({ idLimit: 2 }),
      // the only id of the map is what a user without others has
      unpack({ idLimit: 1, squash: true }),
    ])
    expect(plain).toMatchObject({
      status: 'rejected',
      reason: {
        facts: { id: 'image.owner', try: expect.stringMatching(/^with --squash such files become root's/) as unknown },
      },
    })
    expect(squashing).toMatchObject({ status: 'fulfilled', value: { squashed: 1 } })
    expect(list()).toHaveLength(1)
  }))
