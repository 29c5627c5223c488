/** Containers do not depend on the agent: it may be killed, and the next one takes them over with nothing lost. */
import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()
const run = (name: string, script: string, flags: string[] = []) =>
  root.ok(['run', '-d', '--name', name, '--network', 'none', ...flags, root.image, 'sh', '-c', script])
const state = async (name: string) => (await root.inspect(name)).State

/** kill -9, and back when it is dead; the next command starts another. */
const killAgent = async (): Promise<number> => {
  const pid = await readAgentPid(root)
  process.kill(pid, 'SIGKILL')
  await until('the agent is dead', () => isDead(pid))
  return pid
}

beforeAll(root.seedImage)
afterAll(root.teardown)

test('the same containers, by the same processes, under a new agent', async () => {
  await run('stays', 'sleep 1000')
  const { Pid } = await state('stays')
  const old = await killAgent()
  expect(isDead(Pid)).toBe(false)
  expect(await state('stays')).toMatchObject({ Running: true, Pid })
  expect(await readAgentPid(root)).not.toBe(old)
  expect(await root.ok(['exec', 'stays', 'echo', 'alive'])).toBe('alive')
})

test('no log line is lost, and none comes twice, over three agents', async () => {
  const LINES = 3000
  await run(
    'writer',
    `i=0; while [ $i -lt ${LINES} ]; do i=$((i + 1)); echo $i; [ $((i % 100)) -ne 0 ] || sleep 0.02; done`,
  )
  for (let round = 0; round < 3; round++) await killAgent()
  await root.ok(['wait', 'writer'])
  const lines = (await root.ok(['logs', 'writer'])).split('\n')
  expect(lines).toEqual(Array.from({ length: LINES }, (_, index) => `${index + 1}`))
})

test('an exit while no agent runs is known afterwards, with its code', async () => {
  await run('ends', 'while [ ! -e /go ]; do sleep 0.05; done; exit 42')
  const { Pid } = await state('ends')
  await root.ok(['exec', '-d', 'ends', 'sh', '-c', 'sleep 0.5; touch /go'])
  await killAgent()
  await until('it has ended', () => isDead(Pid))
  expect(await root.ok(['wait', 'ends'])).toBe('42')
  expect(await state('ends')).toMatchObject({ Running: false, ExitCode: 42, Status: 'exited' })
})

test('one killed while no agent runs is 137', async () => {
  await run('killed', 'sleep 1000')
  const { Pid } = await state('killed')
  await killAgent()
  process.kill(Pid, 'SIGKILL')
  await until('it is dead', () => isDead(Pid))
  expect(await root.ok(['wait', 'killed'])).toBe('137')
})

test('an adopted container can be stopped and removed', async () => {
  await run('obeys', "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")
  await until('it is ready', async () => (await root.ok(['logs', 'obeys'])).includes('ready'))
  await killAgent()
  await root.ok(['stop', 'obeys'])
  expect(await state('obeys')).toMatchObject({ ExitCode: 3 })
  await root.ok(['rm', 'obeys'])
  expect(await root.ok(['ps', '-aq', '--filter', 'name=obeys'])).toBe('')
})

test('agent start starts one where there was one before', async () => {
  await root.ok(['agent', 'stop', '--force'])
  await root.ok(['agent', 'start'])
  expect((await root.glasspod(['agent', 'status'])).exitCode).toBe(0)
})

test('what has happened is so, also where no note of it can be written, as on a full disk', async () => {
  await run('full', 'sleep 1000')
  const agent = await readAgentPid(root)
  // EISDIR for ENOSPC: a directory where a note is written before it is renamed
  mkdirSync(`${root.dir}/containers/${(await root.inspect('full')).Id}/container.json.tmp`)
  await root.ok(['stop', '-t', '0', 'full'])
  const ended = { Status: 'exited', ExitCode: 137 }
  expect(await state('full')).toMatchObject(ended)
  expect(await readAgentPid(root)).toBe(agent)
  await killAgent()
  expect(await state('full')).toMatchObject(ended)
  await root.ok(['rm', 'full'])
  expect(await root.ok(['ps', '-aq', '--filter', 'name=full'])).toBe('')
})
