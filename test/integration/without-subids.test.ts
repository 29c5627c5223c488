/** A user without subordinate ids has one id inside: containers run as root of it, and what cannot work says so. */
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { expectNoResidue } from '../fixtures/residue.ts'
import { planWithoutSubids } from '../fixtures/private-mounts.ts'

const root = makeRoot(planWithoutSubids())
const WARNING =
  /^warning: no range for \S+ in \/etc\/subuid, .* \/etc\/subgid: there is one id only, .*; try: sudo usermod --add-subuids \d+-\d+ /

beforeAll(root.seedImage)
afterAll(async () => {
  await root.teardown()
  expect(existsSync(root.dir)).toBe(false)
})

test('a container runs, its root is the caller, and the warning says what will not work and the remedy', async () => {
  const before = await root.residue()
  const { exitCode, stderr } = await root.run(['-d', '--name', 'one'], ['sleep', '1000'])
  expect(stderr).toMatch(WARNING)
  expect(exitCode).toBe(0)
  const { State } = await root.inspect('one')
  const map = readFileSync(`/proc/${State.Pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number)
  expect(map).toHaveLength(3)
  expect([map[0], map[2]]).toEqual([0, 1])
  expect(map[1]).toBeGreaterThan(0)
  expect(await root.ok(['exec', 'one', 'id', '-u'])).toBe('0')
  expect(
    await root.ok(['exec', 'one', 'sh', '-c', 'echo written > /etc/new; cat /etc/new; stat -c %u:%g /etc/new']),
  ).toBe('written\n0:0')
  expect(JSON.parse(await root.ok(['info', '--format', 'json']))).toMatchObject({ Glasspod: { mappedIds: 1 } })
  await root.ok(['rm', '-f', 'one'])
  await expectNoResidue(root.dir, before)
})

test('a pod of two shares its network', async () => {
  const before = await root.residue()
  await root.ok(['pod', 'create', '--name', 'pair'])
  await root.ok(['run', '-d', '--pod', 'pair', '--name', 'server', root.image, 'httpd', '-f', '-p', '80', '-h', '/www'])
  const client = ['sh', '-c', 'until wget -qO- http://127.0.0.1/; do sleep 0.05; done']
  expect((await root.run(['--rm', '--pod', 'pair'], client)).stdout).toContain('glasspod')
  await root.ok(['pod', 'rm', '-f', 'pair'])
  await expectNoResidue(root.dir, before)
})

test('another user is refused before anything exists; becoming one inside fails as the kernel has it', async () => {
  const before = await root.residue()
  const { exitCode, stderr } = await root.run(['--rm', '--network', 'none', '-u', '1000'], ['id'])
  expect(exitCode).toBe(125)
  expect(stderr).toContain('error: user or group 1000 of the container is not in the id map   [user.unmapped]')
  expect(stderr).toContain(' found  this user namespace maps 1 id\n')
  const chown = await root.run(['--rm', '--network', 'none'], ['chown', '1', '/etc/passwd'])
  expect(chown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Invalid argument') as string })
  await expectNoResidue(root.dir, before)
})
