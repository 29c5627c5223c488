/** Promise: three layers of an image are fetched at once, six of all images; a server that counts has seen no more. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pull } from '../../../images/pull.ts'
import { EMPTY_CONF } from '../../../images/registry/registries-conf.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { Store } from '../../../images/store/store.ts'
import { SharedTakes } from '../../../images/take-image.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../../fixtures/faulty-registry.ts'
import { until } from '../../fixtures/glasspod-until.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'

const LAYERS = 5
/** Milliseconds: what is held back is answered when the count is known, and not by a clock. */
const timeouts = { answerMs: 60_000, idleMs: 60_000 }

/** Requests for layers that wait for their answer, and the most that ever did. */
class InFlight {
  readonly #held: (() => void)[] = []
  #isOpen = false
  most = 0

  get count(): number {
    return this.#held.length
  }

  hold(answer: () => void): void {
    if (this.#isOpen) {
      answer()
      return
    }
    this.#held.push(answer)
    this.most = Math.max(this.most, this.count)
  }

  /** From the longest waiting on, one after the other, then all that come. */
  answerOne(): void {
    this.#held.shift()?.()
  }

  open(): void {
    this.#isOpen = true
    while (this.count > 0) this.answerOne()
  }
}

const startRegistries = (count: number, inFlight: InFlight): Promise<FaultyRegistry[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, image) => {
      const contents = Array.from({ length: LAYERS }, (__, layer) => [{ name: 'f', content: `${image} ${layer}` }])
      const registry = await startFaultyRegistry(await makeSmallImage(contents))
      registry.fault = ({ isLayer, body, response }) => {
        if (isLayer) inFlight.hold(() => response.end(body))
        return isLayer
      }
      return registry
    }),
  )

test.each([
  [1, 3],
  [3, 6],
])('%i images at once: %i layers in flight', (images, bound) =>
  inDirectory(async (path) => {
    const inFlight = new InFlight()
    const store = await Store.open(join(path, 'images'))
    const registries = await startRegistries(images, inFlight)
    const client = new Registry({ timeouts, settings: { env: {} } })
    const shared = new SharedTakes()
    const pulls = Promise.all(
      registries.map(({ host }) =>
        pull(store, `${host}/x`, { applyMarks, idLimit: 1, conf: EMPTY_CONF, registry: client, shared }),
      ),
    )
    try {
      await until(`${bound} layers are asked for`, () => inFlight.count === bound)
      // Each answer makes room for one more, and after a round trip to every server a second one would be here too.
      for (let answered = 0; answered < bound; answered++) {
        await Promise.all(registries.map(({ host }) => fetch(`http://${host}/v2/x/manifests/latest`)))
        expect(inFlight.count).toBeLessThanOrEqual(bound)
        inFlight.answerOne()
      }
      inFlight.open()
      expect((await pulls).map(({ image: { layers } }) => layers.length)).toEqual(registries.map(() => LAYERS))
      expect(inFlight.most).toBe(bound)
    } finally {
      inFlight.open()
      await pulls.catch(() => undefined)
      await client.close()
      for (const registry of registries) await registry.stop()
      await store.close()
    }
  }),
)
