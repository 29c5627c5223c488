/** Where no uplink can be had, pods reach each other, and a port that nobody could reach is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { planWithoutTun } from '../fixtures/private-mounts.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot(planWithoutTun())

beforeAll(root.seedImage)
afterAll(root.teardown)

test('-p says that there is no uplink, why and what to try, and leaves nothing', async () => {
  expect(await root.run(['--rm'], ['true'])).toMatchObject({ exitCode: 0 })
  const before = await root.residue()
  const { exitCode, stderr } = await root.run(['--rm', '-p', '8080:80'], ['true'])
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(
    /^error: ports cannot be published without an uplink {3}\[ports\.uplink\]\n found {2}uplink: .*\n try {4}\S.*$/m,
  )
  await expectNoResidue(root.dir, before)
})

test('a pod reaches another one', async () => {
  await root.ok(['run', '-d', '--name', 'server', root.image, 'httpd', '-f', '-p', '80', '-h', '/www'])
  const { NetworkSettings } = await root.inspect('server')
  const fetch = `until wget -qO- http://${NetworkSettings?.IPAddress}/; do sleep 0.05; done`
  expect((await root.run(['--rm'], ['sh', '-c', fetch])).stdout).toContain('It works')
  await root.ok(['rm', '-f', 'server'])
})
