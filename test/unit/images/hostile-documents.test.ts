/** Promise: whatever a registry says of an image, it is pulled as said or refused by name, and nothing is half-made. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, hexOf } from '../../../images/digest.ts'
import { pull } from '../../../images/pull.ts'
import { EMPTY_CONF } from '../../../images/registry/registries-conf.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { Store } from '../../../images/store/store.ts'
import { startDocumentRegistry, type DocumentRegistry } from '../../fixtures/hostile/document-registry.ts'
import { documentCorpus } from '../../fixtures/hostile/documents.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'

/** What sockets may hold of a body that is refused while it comes; its limit is 8 MiB at most. */
const SENT_LIMIT = 32 * 1024 * 1024
const cases = documentCorpus()

let registry: DocumentRegistry
const client = new Registry({ patience: { retries: 1, firstMs: 1 }, settings: { env: {} } })
beforeAll(async () => {
  registry = await startDocumentRegistry(cases)
})
afterAll(async () => {
  await client.close()
  await registry.stop()
})

const expectWholeBlobs = (store: Store): void => {
  for (const algorithm of readdirSync(join(store.directory, 'blobs')))
    for (const hex of readdirSync(join(store.directory, 'blobs', algorithm)))
      expect(hexOf(digestOf(readFileSync(join(store.directory, 'blobs', algorithm, hex)), algorithm))).toBe(hex)
}

describe('hostile documents', () => {
  test('are more than fifty, each of another name', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    expect(cases.length).toBeGreaterThan(50)
  })

  test.each(cases.map((document, at) => [document.name, document, at] as const))(
    '%s',
    (_, { top, expect: expected }, at) =>
      inDirectory(async (path) => {
        const store = await Store.open(join(path, 'images'))
        const sentBefore = registry.sent
        try {
          const pulling = pull(store, `${registry.host}/case${at}`, {
            applyMarks,
            idLimit: 1,
            registry: client,
            conf: EMPTY_CONF,
          })
          if ('refused' in expected) {
            await expect(pulling).rejects.toMatchObject({
              name: 'Failure',
              message: expect.stringContaining(expected.says) as unknown,
              facts: { id: expected.refused },
            })
            expect(await store.list()).toEqual([])
            expect(readdirSync(store.layersDirectory)).toEqual([])
          } else {
            const { image } = await pulling
            expect(image.annotations).toEqual(expected.annotations)
            expect(image.layers.map(({ diffId }) => readFileSync(join(store.layerPath(diffId), 'a'), 'utf8'))).toEqual([
              'a',
            ])
            expect((await store.list()).map(({ names }) => names)).toEqual([[`${registry.host}/case${at}:latest`]])
            if (Buffer.isBuffer(top) && image.sources[0] !== undefined) expect(image.sources).toEqual([digestOf(top)])
          }
          expectWholeBlobs(store)
          expect(registry.sent - sentBefore).toBeLessThan(SENT_LIMIT)
          await store.close()
          expect(readdirSync(store.directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
        } finally {
          await store.close()
        }
      }),
  )
})
