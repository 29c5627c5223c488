/** Programs are started by a small process beside the agent; without it they are started all the same. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { listNodeProcesses } from '../fixtures/residue.ts'
import { readComm, readParent } from '../../runtime/kernel/processes.ts'

const root = makeRoot()
const run = () => root.ok(['run', '--rm', '--network', 'none', root.image, 'echo', 'ran'])
/** The one that is the agent's child, and what it keeps ready. */
const spawners = () => listNodeProcesses(root.dir).filter((pid) => readComm(pid) === 'glasspod-spawn')
const spawnerOf = (agent: number) => spawners().find((pid) => readParent(pid) === agent)

beforeAll(root.seedImage)
afterAll(root.teardown)

test('a monitor is a child of the spawner, not of the agent', async () => {
  await root.ok(['run', '-d', '--name', 'long', '--network', 'none', root.image, 'sleep', '1000'])
  const monitor = readParent((await root.inspect('long')).State.Pid) ?? 0
  expect(readComm(monitor)).toBe('glasspod-mon')
  expect(readParent(monitor)).toBe(spawnerOf(await readAgentPid(root)))
  await root.ok(['rm', '-f', 'long'])
})

test('one is kept ready, and no more, however many are started', async () => {
  for (let round = 0; round < 3; round++) await run()
  await until('one waits beside the spawner', () => spawners().length === 2)
})

test('when it is killed the next program starts, and so does another spawner', async () => {
  const agent = await readAgentPid(root)
  for (let round = 0; round < 3; round++) {
    const pids = spawners()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    expect(await run()).toBe('ran')
    await until('there is another', () => {
      const now = spawnerOf(agent)
      return now !== undefined && !pids.includes(now)
    })
  }
})

test('it ends with the agent', async () => {
  const pids = spawners()
  process.kill(await readAgentPid(root), 'SIGKILL')
  await until('both are gone', () => pids.every(isDead))
  expect(await run()).toBe('ran')
})

test('nothing of what is removed stays behind', async () => {
  await root.ok(['run', '--rm', '--network', 'none', root.image, 'sh', '-c', 'mkdir -p /a/b; echo x >/a/b/c'])
  await until('it is deleted', () => readdirSync(`${root.dir}/discarded`).length === 0)
})

test('the agent has nothing to complain of, however short the runs are', async () => {
  await Promise.all(
    [1, 2].map(async () => {
      for (let round = 0; round < 10; round++) expect(await run()).toBe('ran')
    }),
  )
  expect(readFileSync(`${root.dir}/agent.log`, 'utf8')).toBe('')
})
