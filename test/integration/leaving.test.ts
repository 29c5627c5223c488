/** A pod that is removed is gone at once, and its address a moment later: also where the agent dies in between. */
import { existsSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()
const plugin = `${root.dir}/lib/current/cni/bridge`
const held = `${plugin}.held`

const leases = () => readdirSync(`${root.dir}/run/cni/glasspod`).filter((name) => /^[\d.]+$/.test(name))
const records = () => readdirSync(`${root.dir}/pods`)

/** From now on this verb of CNI takes as long as we want. */
const holdPlugin = (verb: 'ADD' | 'DEL' = 'DEL') => {
  if (!existsSync(`${plugin}.real`)) renameSync(plugin, `${plugin}.real`)
  writeFileSync(held, '')
  writeFileSync(
    plugin,
    `#!/bin/sh\nwhile [ "$CNI_COMMAND" = ${verb} ] && [ -e "$0.held" ]; do sleep 0.02; done\nexec "$0.real"\n`,
    { mode: 0o755 },
  )
}
const letGo = () => rmSync(held)

const runPod = async (name: string) => {
  await root.ok(['pod', 'create', '--name', name, '--network', 'bridge'])
  await root.ok(['run', '-d', '--pod', name, root.image, 'sleep', '1000'])
}

beforeAll(async () => {
  await root.seedImage()
  await root.ok(['run', '--rm', '--network', 'bridge', root.image, 'true'])
  await until('the first one has given its address back', () => leases().length === 0)
  holdPlugin()
})
afterAll(async () => {
  rmSync(held, { force: true })
  await root.teardown()
})

test('a command does not wait for it, its name is free, and its address is nobody else’s', async () => {
  holdPlugin()
  await runPod('short')
  const [address] = leases()
  await root.ok(['pod', 'rm', '-f', 'short'])
  expect(leases()).toEqual([address])
  await runPod('short')
  expect(leases()).toHaveLength(2)
  letGo()
  await until('the address is back', () => leases().length === 1)
  expect(leases()).not.toContain(address)
  await root.ok(['pod', 'rm', '-f', 'short'])
  await until('that one too', () => leases().length === 0 && records().length === 0)
})

const leftBy = {
  'a pod': async () => {
    await runPod('left')
    await root.ok(['pod', 'rm', '-f', 'left'])
  },
  'run --rm': () => root.ok(['run', '--rm', '--network', 'bridge', root.image, 'true']),
}

test.each(Object.entries(leftBy))('the next agent goes on with it: %s', async (_, leave) => {
  holdPlugin()
  await leave()
  expect(leases()).toHaveLength(1)
  const agent = await readAgentPid(root)
  process.kill(agent, 'SIGKILL')
  await until('the agent is dead', () => isDead(agent))
  expect(await root.ok(['pod', 'ps', '-q'])).toBe('')
  expect(await root.ok(['ps', '-aq'])).toBe('')
  expect(leases()).toHaveLength(1)
  letGo()
  await until('address and record are gone', () => leases().length === 0 && records().length === 0)
})

test('an agent that is stopped has given it back before, however long it takes', async () => {
  holdPlugin()
  await root.ok(['run', '--rm', '--network', 'bridge', root.image, 'true'])
  expect(leases()).toHaveLength(1)
  setTimeout(letGo, 500)
  await root.ok(['agent', 'stop'])
  expect(leases()).toEqual([])
})

/** Beside the three that it was given. */
const hasSocket = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/fd`).some(
    (fd) => Number(fd) > 2 && readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket'),
  )

test.each([
  [[], 2, 'is running'],
  [['-f'], 0, ''],
])('rm %j waits for a start that is under way', async (flags, code, words) => {
  holdPlugin('ADD')
  const starting = root.spawn(['run', '-d', '--name', 'web', '--network', 'bridge', root.image, 'sleep', '1000'])
  await until('it is being started', async () => (await root.ok(['ps', '-aq'])) !== '')
  const agent = await readAgentPid(root)
  const removing = root.spawn(['rm', ...flags, 'web'])
  await until('it asks', () => hasSocket(removing.pid ?? 0))
  letGo()
  expect(await starting).toMatchObject({ exitCode: 0 })
  expect(await removing).toMatchObject({ exitCode: code, stderr: expect.stringContaining(words) as string })
  expect(await readAgentPid(root)).toBe(agent)
  await root.glasspod(['rm', '-f', 'web'])
  await until('its address is back', () => leases().length === 0)
})
