/** An agent that executes itself anew, as after a build, is not noticed: every command gets its answer. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callApi } from '../fixtures/agent-api.ts'
import { makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { isPatient } from '../fixtures/patience.ts'

const root = makeRoot()
const ROUNDS = isPatient ? 3 : 8
beforeAll(root.seedImage)
afterAll(root.teardown)

test('commands that come while the agent is replaced, again and again, all succeed', async () => {
  const pids = new Set<number>()
  let done = false
  const replace = async () => {
    while (!done) {
      pids.add(await readAgentPid(root))
      await callApi(root.dir, 'POST', '/glasspod/agent/reexec').catch(() => undefined)
    }
  }
  const use = async (lane: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `c-${lane}-${round}`
      await root.ok(['create', '--name', name, '--network', 'none', root.image, 'true'])
      expect(await root.ok(['ps', '-a', '--filter', `name=${name}`, '--format', 'json'])).toContain(name)
      await root.ok(['rm', name])
    }
  }
  const replacing = replace()
  await Promise.all([1, 2, 3].map(use)).finally(() => (done = true))
  await replacing
  expect(pids.size).toBeGreaterThan(2)
})
