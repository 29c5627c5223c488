/** What a restart policy promises: another run after a failure, with the same address, until a user ends it. */
import { readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()

interface Restarted {
  State: { Pid: number; Running: boolean; Restarting: boolean; Status: string; ExitCode: number; FinishedAt: string }
  RestartCount: number
  HostConfig: { RestartPolicy: { Name: string; MaximumRetryCount: number } }
  NetworkSettings: { IPAddress: string }
}
const inspect = async (name: string) => (await root.inspect(name)) as unknown as Restarted

/** Pid and run of a container that runs, later than so many restarts. */
const runsAgain = (name: string, after: number) =>
  until(`${name} runs for the ${after + 2}. time`, async () => {
    const found = await inspect(name)
    return found.RestartCount > after && found.State.Pid > 0 && found
  })

const killAgent = async (): Promise<void> => {
  const pid = await readAgentPid(root)
  process.kill(pid, 'SIGKILL')
  await until('the agent is dead', () => isDead(pid))
}

beforeAll(root.seedImage)
afterAll(root.teardown)

test('what fails is started again as often as was asked, and no more', async () => {
  await root.ok([
    'run',
    '-d',
    '--name',
    'fails',
    '--restart',
    'on-failure:2',
    root.image,
    'sh',
    '-c',
    'echo run; exit 3',
  ])
  expect(await root.ok(['wait', 'fails'])).toBe('3')
  const { State, RestartCount, HostConfig } = await inspect('fails')
  expect(HostConfig.RestartPolicy).toEqual({ Name: 'on-failure', MaximumRetryCount: 2 })
  expect(RestartCount).toBe(2)
  expect(State).toMatchObject({ Status: 'exited', Running: false, Restarting: false, ExitCode: 3 })
  expect(await root.ok(['logs', 'fails'])).toBe('run\nrun\nrun')
})

test('what ends well is not started again by on-failure', async () => {
  await root.ok(['run', '-d', '--name', 'well', '--restart', 'on-failure', root.image, 'true'])
  expect(await root.ok(['wait', 'well'])).toBe('0')
  expect(await inspect('well')).toMatchObject({ RestartCount: 0, State: { Status: 'exited' } })
})

test('another process in the same network namespace, at the same address [needs a usable /dev/net/tun]', async () => {
  await root.ok(['run', '-d', '--name', 'web', '--restart', 'always', root.image, 'sleep', '1000'])
  const before = await inspect('web')
  const net = readlinkSync(`/proc/${before.State.Pid}/ns/net`)
  process.kill(before.State.Pid, 'SIGKILL')
  const after = await runsAgain('web', 0)
  expect(after.State.Pid).not.toBe(before.State.Pid)
  expect(readlinkSync(`/proc/${after.State.Pid}/ns/net`)).toBe(net)
  expect(after.NetworkSettings.IPAddress).toBe(before.NetworkSettings.IPAddress)
  expect(await root.ok(['exec', 'web', 'ip', '-4', 'addr', 'show', 'eth0'])).toContain(
    `inet ${before.NetworkSettings.IPAddress}/`,
  )
  await root.ok(['rm', '-f', 'web'])
})

test('a stop ends it, also between two runs, and gives back what its pod held', async () => {
  await root.ok(['run', '-d', '--name', 'flaps', '--network', 'none', '--restart', 'always', root.image, 'false'])
  const waits = await until('it waits for its next run', async () => {
    const found = await inspect('flaps')
    return found.RestartCount >= 3 && found.State.Restarting && found
  })
  expect(waits.State).toMatchObject({ Status: 'restarting', Running: true, Pid: 0, ExitCode: 1 })
  const listed = await root.ok(['ps', '--filter', 'status=restarting'])
  expect(listed).toMatch(/Restarting \(1\) .* ago/)
  const refused = await root.glasspod(['rm', 'flaps'])
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr).toContain('container flaps is restarting')
  await root.ok(['stop', 'flaps'])
  expect((await inspect('flaps')).State).toMatchObject({ Status: 'exited', Running: false, Restarting: false })
  expect((await root.residue()).processes).toEqual([])
  await root.ok(['rm', 'flaps'])
})

test('a stop of one that runs is not answered by another run', async () => {
  const flags = ['--network', 'none', '--restart', 'unless-stopped']
  await root.ok(['run', '-d', '--name', 'stopped', ...flags, root.image, 'sleep', '1000'])
  await root.ok(['kill', 'stopped'])
  expect(await root.ok(['wait', 'stopped'])).toBe('137')
  expect(await inspect('stopped')).toMatchObject({ RestartCount: 0, State: { Status: 'exited' } })
})

test('an agent that is killed between two runs, or while one ends, changes nothing', async () => {
  const flags = ['--network', 'none', '--restart', 'always']
  await root.ok(['run', '-d', '--name', 'survives', ...flags, root.image, 'sleep', '1000'])
  const { Pid } = (await inspect('survives')).State
  await killAgent()
  process.kill(Pid, 'SIGKILL')
  await until('it is dead', () => isDead(Pid))
  const again = await runsAgain('survives', 0)
  expect(readFileSync(`/proc/${again.State.Pid}/cmdline`, 'utf8')).toContain('sleep')
  await root.ok(['run', '-d', '--name', 'often', ...flags, root.image, 'false'])
  const { RestartCount } = await until('it waits', async () => {
    const found = await inspect('often')
    return found.RestartCount >= 3 && found.State.Restarting && found
  })
  await killAgent()
  await until('it is tried again', async () => (await inspect('often')).RestartCount > RestartCount)
  await root.ok(['rm', '-f', 'survives', 'often'])
})

test('when the pause process is killed, the next run has a pod again', async () => {
  await root.ok(['pod', 'create', '--name', 'shop', '--network', 'none'])
  await root.ok(['run', '-d', '--pod', 'shop', '--name', 'till', '--restart', 'always', root.image, 'sleep', '1000'])
  const pause = async () =>
    (JSON.parse(await root.ok(['pod', 'inspect', 'shop'])) as [{ InfraPid: number }])[0].InfraPid
  const first = await pause()
  const { Pid } = (await inspect('till')).State
  process.kill(first, 'SIGKILL')
  await until('the pause process is dead', () => isDead(first))
  process.kill(Pid, 'SIGKILL')
  const { State } = await runsAgain('till', 0)
  const second = await pause()
  expect(second).not.toBe(first)
  expect(readlinkSync(`/proc/${State.Pid}/ns/net`)).toBe(readlinkSync(`/proc/${second}/ns/net`))
  await root.ok(['pod', 'rm', '-f', 'shop'])
})

test('a new policy for a container that exists', async () => {
  await root.ok(['run', '-d', '--name', 'changed', '--network', 'none', root.image, 'sleep', '1000'])
  await root.ok(['update', '--restart', 'always', 'changed'])
  process.kill((await inspect('changed')).State.Pid, 'SIGKILL')
  await runsAgain('changed', 0)
  await root.ok(['rm', '-f', 'changed'])
})

test.each([
  [['--restart', 'often'], "unknown policy 'often'"],
  [['--restart', 'always', '--rm'], 'conflicting options: --restart and --rm'],
])('%j is refused before anything is made', async (flags, sentence) => {
  // Before the image too: nobody is asked for this one.
  const refused = await root.glasspod(['run', '--name', 'refused', ...flags, 'no.such.host/image', 'true'])
  expect(refused.exitCode).toBe(125)
  expect(refused.stderr).toContain(sentence)
  expect(await root.ok(['ps', '-aq', '--filter', 'name=refused'])).toBe('')
})
