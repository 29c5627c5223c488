/** `play --replace` removes a pod only for one that can be made. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()
beforeAll(root.seedImage)
afterAll(root.teardown)

const manifest = (container: Record<string, unknown>): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'steady' },
    spec: { containers: [{ name: 'a', image: root.image, command: ['sleep', '1000'], ...container }] },
  })
const play = (container: Record<string, unknown>, ...flags: string[]) =>
  root.glasspod(['play', ...flags, '-'], { input: manifest(container) })
const inspect = async () =>
  (JSON.parse(await root.ok(['pod', 'inspect', 'steady'])) as [{ InfraPid: number; Phase: string }])[0]

test.each([
  [{ securityContext: { runAsUser: 2_000_000 } }, '2000000'],
  [{ securityContext: { capabilities: { add: ['NET_ADMINN'] } } }, 'NET_ADMINN'],
])('what a container is refused for is said while the old pod runs: %j', async (container, words) => {
  expect(await play({}, '--replace')).toMatchObject({ exitCode: 0, stderr: '' })
  const { InfraPid } = await inspect()
  const { exitCode, stderr } = await play(container, '--replace')
  expect([exitCode, stderr]).toEqual([125, expect.stringContaining(words)])
  expect(await inspect()).toMatchObject({ InfraPid, Phase: 'Running' })
})
