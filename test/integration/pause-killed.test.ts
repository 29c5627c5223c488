/** A pod whose pause process is killed ends at that moment, says why, and is made anew by its restart policy. */
import { closeSync, openSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
/** Process 1 of a PID namespace drops SIGTERM unless it has a handler. */
const ENDS = 'trap "exit 7" TERM; sleep 1000 & wait'

interface Inspected {
  State: { Pid: number; Status: string; ExitCode: number; Reason: string; StartedAt: string; FinishedAt: string }
  RestartCount: number
  LastState: { ExitCode: number; Reason: string } | null
}
interface PodInspected {
  Status: string
  Reason: string
  Phase: string
  InfraPid: number
  IP: string
}
const inspect = async (name: string) => (await root.inspect(name)) as unknown as Inspected
const inspectPod = async (name: string) => (JSON.parse(await root.ok(['pod', 'inspect', name])) as [PodInspected])[0]
const network = (pid: number) => readlinkSync(`/proc/${pid}/ns/net`)
const inPod = (pod: string, name: string, ...command: string[]) =>
  root.ok(['run', '-d', '--pod', pod, '--name', name, root.image, ...command])

const hasEnded = (pod: string) =>
  until(`pod ${pod} has ended`, async () => {
    const found = await inspectPod(pod)
    return found.Status === 'Exited' && found.InfraPid === 0 && found
  })

beforeAll(root.seedImage)
afterAll(root.teardown)

test('without a restart policy its containers are ended, and their certificates name the pause process', async () => {
  const before = await root.residue()
  await root.ok(['pod', 'create', '--name', 'shop', '--network', 'none'])
  await inPod('shop', 'one', 'sh', '-c', ENDS)
  await inPod('shop', 'two', 'sh', '-c', ENDS)
  const { InfraPid } = await inspectPod('shop')
  process.kill(InfraPid, 'SIGKILL')
  const pod = await hasEnded('shop')
  expect(pod).toMatchObject({ InfraPid: 0, Phase: 'Failed' })
  expect(pod.Reason).toContain(`its pause process (pid ${InfraPid}) had been ended from outside at `)
  for (const name of ['one', 'two']) {
    const { State } = await inspect(name)
    expect(State).toMatchObject({ Status: 'exited', ExitCode: 7 })
    expect(State.Reason).toBe(
      `it ended by itself with exit code 7; glasspod had sent SIGTERM, because the pause process of its pod (pid ${InfraPid}) had been ended from outside`,
    )
  }
  await root.ok(['pod', 'start', 'shop'])
  expect(await inspectPod('shop')).toMatchObject({ Status: 'Running', Reason: '' })
  await root.ok(['pod', 'rm', '-f', 'shop'])
  await expectNoResidue(root.dir, before)
})

test('with one all of them come back around another pause process', async () => {
  const before = await root.residue()
  const container = (name: string) => ({ name, image: root.image, command: ['sh', '-c', ENDS] })
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'always' },
    spec: { containers: [container('one'), container('two')] },
  })
  await root.ok(['play', '-'], { input: text })
  const { InfraPid } = await inspectPod('always')
  const old = network(InfraPid)
  // held open, or its number could be given to the next
  const held = openSync(`/proc/${InfraPid}/ns/net`, 'r')
  process.kill(InfraPid, 'SIGKILL')
  const runs = (name: string) =>
    until(`${name} runs again`, async () => {
      const found = await inspect(name)
      return found.RestartCount > 0 && found.State.Pid > 0 && found
    })
  const [one, two] = [await runs('always-one'), await runs('always-two')]
  const pod = await inspectPod('always')
  expect(pod).toMatchObject({ Status: 'Running', Phase: 'Running', Reason: '' })
  expect(pod.InfraPid).not.toBe(InfraPid)
  expect(network(pod.InfraPid)).not.toBe(old)
  closeSync(held)
  for (const { State, LastState } of [one, two]) {
    expect(network(State.Pid)).toBe(network(pod.InfraPid))
    expect(LastState).toMatchObject({ ExitCode: 7 })
    expect(LastState?.Reason).toContain(`the pause process of its pod (pid ${InfraPid})`)
  }
  expect(await root.ok(['down', '-t', '0', '-'], { input: text })).toContain('Pods removed')
  await expectNoResidue(root.dir, before)
})

test('where it was process 1 of all of them, the kernel has ended them, and that is said', async () => {
  const made = await root.glasspod(['pod', 'create', '--name', 'pids', '--network', 'none', '--share', 'ipc,uts,pid'])
  if (made.exitCode !== 0) {
    expect(made.stderr).toContain('error: a pod cannot share its PID namespace here')
    return
  }
  await inPod('pids', 'one', 'sleep', '1000')
  const { InfraPid } = await inspectPod('pids')
  process.kill(InfraPid, 'SIGKILL')
  await hasEnded('pids')
  const { State } = await inspect('one')
  expect(State).toMatchObject({ Status: 'exited', ExitCode: 137 })
  expect(State.Reason).toContain(
    `the kernel ended it with its PID namespace: process 1 of that, the pause process of its pod (pid ${InfraPid})`,
  )
  await root.ok(['pod', 'rm', '-f', 'pids'])
})

test('an agent that was away meanwhile finds out when it comes back', async () => {
  await root.ok(['pod', 'create', '--name', 'away', '--network', 'none'])
  await inPod('away', 'one', 'sh', '-c', ENDS)
  const [{ InfraPid }, agent] = [await inspectPod('away'), await readAgentPid(root)]
  process.kill(agent, 'SIGKILL')
  await until('the agent is dead', () => isDead(agent))
  process.kill(InfraPid, 'SIGKILL')
  await hasEnded('away')
  expect((await inspect('one')).State.Reason).toContain(`the pause process of its pod (pid ${InfraPid})`)
  await root.ok(['pod', 'rm', '-f', 'away'])
})

test('a pod that is stopped, or removed, by glasspod has lost nothing', async () => {
  await root.ok(['pod', 'create', '--name', 'asked', '--network', 'none'])
  await inPod('asked', 'one', 'sh', '-c', ENDS)
  await root.ok(['pod', 'stop', 'asked'])
  expect(await inspectPod('asked')).toMatchObject({ Status: 'Exited', Reason: '' })
  expect((await inspect('one')).State.Reason).toBe(
    'it ended by itself with exit code 7; glasspod pod stop had sent SIGTERM',
  )
  await root.ok(['pod', 'rm', 'asked'])
})

test('what is over at once has not ended before it began', async () => {
  for (let round = 0; round < 10; round++) {
    await root.ok(['run', '-d', '--name', 'short', '--network', 'none', root.image, 'true'])
    await root.ok(['wait', 'short'])
    const { StartedAt, FinishedAt } = (await inspect('short')).State
    expect([StartedAt, FinishedAt].toSorted()).toEqual([StartedAt, FinishedAt])
    await root.ok(['rm', 'short'])
  }
})
