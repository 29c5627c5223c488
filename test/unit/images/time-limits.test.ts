/** Promise: a document that flows for ever, never silent and never slow, is given up all the same. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pull } from '../../../images/pull.ts'
import { EMPTY_CONF } from '../../../images/registry/registries-conf.ts'
import { Registry } from '../../../images/registry/registry.ts'
import { Store } from '../../../images/store/store.ts'
import { faults, makeSmallImage, startFaultyRegistry } from '../../fixtures/faulty-registry.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'

const DOCUMENT_MS = 200
/** More than what counts as a flow, and long after the limit still less than a manifest may have. */
const PIECE = Buffer.alloc(2048, ' ')

test.each([
  ['a manifest', '/manifests/', 'manifest'],
  ['a token', '/token', 'token'],
])('%s', (_, path, what) =>
  inDirectory(async (directory) => {
    const store = await Store.open(join(directory, 'images'))
    const registry = await startFaultyRegistry(await makeSmallImage([[{ name: 'a', content: 'a' }]]))
    registry.fault = (request) => {
      if (!request.path.includes(path)) return path === '/token' && faults.goodToken(request)
      const { response } = request
      const timer = setInterval(() => response.write(PIECE), 10)
      response.once('close', () => clearInterval(timer))
      return true
    }
    const client = new Registry({
      timeouts: { answerMs: 60_000, idleMs: 60_000, documentMs: DOCUMENT_MS },
      patience: { retries: 0, firstMs: 1, longestMs: 1 },
      settings: { env: {} },
    })
    try {
      await expect(
        pull(store, `${registry.host}/x`, { applyMarks, idLimit: 1, conf: EMPTY_CONF, registry: client }),
      ).rejects.toMatchObject({
        message: expect.stringMatching(new RegExp(`^${what}.* did not come within 0.2 s$`)) as unknown,
        facts: { id: 'registry.timeout' },
      })
    } finally {
      await client.close()
      await registry.stop()
      await store.close()
    }
  }),
)
