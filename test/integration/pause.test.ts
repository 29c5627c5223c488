/** The freezer: a paused container stands still, is seen so, and can still be ended. */
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
const NAME = 'job'

beforeAll(root.seedImage)
afterEach(async () => {
  await root.glasspod(['rm', '-f', NAME])
  await root.glasspod(['pod', 'rm', '-f', 'shop'])
})
afterAll(root.teardown)

/** Of the agent, not of this process: where there is none, pausing is refused by name. */
const needsCgroup = async (skip: (condition: boolean, note: string) => void) => {
  const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as {
    Glasspod: { cgroup: string | null }
  }
  skip(Glasspod.cgroup === null, 'missing capability: a delegated cgroup')
}

const start = (script: string, ...flags: string[]) =>
  root.ok(['run', '-d', '--name', NAME, '--network', 'none', ...flags, root.image, 'sh', '-c', script])
const BUSY = 'while :; do :; done'
const ASKED = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"

interface State {
  Pid: number
  Status: string
  Running: boolean
  Paused: boolean
  ExitCode: number
  Reason: string
}
const inspect = async (name = NAME) => (await root.inspect(name)) as unknown as { State: State; CgroupPath: string }
const fileOf = async (file: string, name = NAME) => readFileSync(`${(await inspect(name)).CgroupPath}/${file}`, 'utf8')
/** Clock ticks of processor time (proc_pid_stat(5), utime). */
const ticksOf = (pid: number) =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[11],
  )

describe('pause', () => {
  test('holds every process until unpause [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await start(BUSY)
    const { Pid } = (await inspect()).State
    await until('it runs', () => ticksOf(Pid) > 0)
    await root.ok(['pause', NAME])
    expect(await fileOf('cgroup.events')).toContain('frozen 1')
    const before = ticksOf(Pid)
    expect((await inspect()).State).toMatchObject({ Status: 'paused', Running: true, Paused: true })
    expect(await root.ok(['ps'])).toMatch(/Up .* \(Paused\)/)
    expect(await root.ok(['ps', '-q', '--filter', 'status=paused'])).not.toBe('')
    expect(await root.ok(['ps', '-q', '--filter', 'status=running'])).toBe('')
    // It was busy, and several commands later it has not had one tick more.
    expect(ticksOf(Pid)).toBe(before)
    await root.ok(['unpause', NAME])
    expect(await fileOf('cgroup.events')).toContain('frozen 0')
    await until('it goes on', () => ticksOf(Pid) > before)
    expect((await inspect()).State).toMatchObject({ Status: 'running', Paused: false })
  })

  test('is refused twice, and so is what would hang [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await start(BUSY)
    expect((await root.glasspod(['unpause', NAME])).stderr).toContain(`error: container ${NAME} is not paused`)
    await root.ok(['pause', NAME])
    expect((await root.glasspod(['pause', NAME])).stderr).toContain(`error: container ${NAME} is already paused`)
    for (const verb of [
      ['exec', NAME, 'true'],
      ['start', NAME],
    ])
      expect((await root.glasspod(verb)).stderr).toContain(`error: container ${NAME} is paused`)
    const docker = root.docker().getContainer(NAME)
    await expect(docker.pause()).rejects.toMatchObject({ statusCode: 409 })
    await expect(docker.unpause()).resolves.toBeDefined()
    await root.ok(['kill', NAME])
    await root.ok(['wait', NAME])
    await expect(docker.pause()).rejects.toMatchObject({ statusCode: 409 })
    await expect(root.docker().getContainer('none').pause()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('survives the agent [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await start(BUSY)
    await root.ok(['pause', NAME])
    process.kill(await readAgentPid(root), 'SIGKILL')
    expect((await inspect()).State.Status).toBe('paused')
    await root.ok(['unpause', NAME])
  })
})

describe('a frozen container', () => {
  test('is asked to stop, and hears it [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await start(ASKED)
    await until('it listens', async () => (await root.ok(['logs', NAME])).includes('ready'))
    await root.ok(['pause', NAME])
    await root.ok(['stop', '-t', '60', NAME])
    expect((await inspect()).State).toMatchObject({ Status: 'exited', ExitCode: 5 })
  })

  test('is killed, and rm -f leaves nothing of it [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    const before = await root.residue()
    await start(BUSY)
    const { Pid } = (await inspect()).State
    await root.ok(['pause', NAME])
    await root.ok(['kill', NAME])
    expect(await root.ok(['wait', NAME])).toBe('137')
    expect(isDead(Pid)).toBe(true)
    await root.ok(['start', NAME])
    await root.ok(['pause', NAME])
    await root.ok(['rm', '-f', NAME])
    await expectNoResidue(root.dir, before)
  })

  test('keeps a signal that is not to end it until it goes on [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await start("trap 'echo got USR1' USR1; echo ready; while :; do sleep 0.1; done")
    await until('it listens', async () => (await root.ok(['logs', NAME])).includes('ready'))
    await root.ok(['pause', NAME])
    await root.ok(['kill', '-s', 'USR1', NAME])
    expect((await inspect()).State.Status).toBe('paused')
    expect(await root.ok(['logs', NAME])).toBe('ready')
    await root.ok(['unpause', NAME])
    await until('it has heard', async () => (await root.ok(['logs', NAME])).includes('got USR1'))
  })
})

describe('pod pause', () => {
  test('holds all of its containers, and each goes on alone [needs a delegated cgroup]', async ({ skip }) => {
    await needsCgroup(skip)
    await root.ok(['pod', 'create', '--name', 'shop', '--network', 'none'])
    for (const name of ['one', 'two'])
      await root.ok(['run', '-d', '--pod', 'shop', '--name', name, root.image, 'sleep', '1000'])
    const statusOf = async () =>
      (JSON.parse(await root.ok(['pod', 'inspect', 'shop'])) as { Status: string }[])[0]?.Status
    await root.ok(['pod', 'pause', 'shop'])
    expect(await statusOf()).toBe('Paused')
    for (const name of ['one', 'two']) expect(await fileOf('cgroup.events', name)).toContain('frozen 1')
    await root.ok(['unpause', 'two'])
    expect(await fileOf('cgroup.events', 'two')).toContain('frozen 0')
    await root.ok(['pod', 'unpause', 'shop'])
    expect(await statusOf()).toBe('Running')
    await root.ok(['pod', 'pause', 'shop'])
    await root.ok(['pod', 'stop', '-t', '0', 'shop'])
  })
})
