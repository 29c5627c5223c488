/** A container in the background: logs, stop, kill, wait, restart, exec, rm. */
import { readlinkSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isDead, makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
const NAME = 'job'

const start = (script: string, flags: string[] = []) =>
  root.ok(['run', '-d', '--name', NAME, '--network', 'none', ...flags, root.image, 'sh', '-c', script])
const logs = (...flags: string[]) => root.ok(['logs', ...flags, NAME])
const state = async () => (await root.inspect(NAME)).State
const untilLogged = (text: string) => until(`log says ${text}`, async () => (await logs()).includes(text))
/** A trap, so that TERM ends it at once. */
const SLEEP = "trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.1; done"

beforeAll(root.seedImage)
afterEach(async () => {
  await root.glasspod(['rm', '-f', NAME])
})
afterAll(root.teardown)

/** The container may end, and take this exec along, before it has: then its exit code is 137. */
const letGo = () => root.glasspod(['exec', NAME, 'touch', '/go'])

describe('run -d', () => {
  test('prints the id, and the container runs on', async () => {
    const id = await start(SLEEP)
    expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(await state()).toMatchObject({ Running: true, Status: 'running' })
    expect(await root.ok(['ps', '-q', '--no-trunc'])).toBe(id)
  })

  test('shows in ps with its image and command, and by filter', async () => {
    await start(SLEEP, ['--label', 'kind=test'])
    const table = await root.ok(['ps'])
    expect(table.split('\n')[0]).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES/)
    expect(table).toContain(NAME)
    expect(await root.ok(['ps', '-q', '--filter', 'label=kind=test'])).not.toBe('')
    expect(await root.ok(['ps', '-q', '--filter', 'label=kind=other'])).toBe('')
    expect(await root.ok(['ps', '-aq', '--filter', 'status=exited'])).toBe('')
  })
})

describe('logs', () => {
  test('both streams, each on its own', async () => {
    await start('echo to out; echo to err >&2')
    await root.ok(['wait', NAME])
    const { stdout, stderr } = await root.glasspod(['logs', NAME])
    expect({ stdout, stderr }).toEqual({ stdout: 'to out', stderr: 'to err' })
  })

  test('--tail gives the last lines', async () => {
    await start('seq 100')
    await root.ok(['wait', NAME])
    expect(await logs('--tail', '3')).toBe('98\n99\n100')
    expect(await logs('--tail', '0')).toBe('')
    expect((await logs('--tail', 'all')).split('\n')).toHaveLength(100)
  })

  test('--since leaves out what is older, --timestamps says when', async () => {
    await start('echo old; while [ ! -e /go ]; do sleep 0.05; done; echo new')
    await untilLogged('old')
    const [stamp = ''] = (await logs('--timestamps')).split(' ')
    expect(stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)$/)
    const later = new Date(Date.parse(stamp) + 1).toISOString()
    await letGo()
    await root.ok(['wait', NAME])
    expect(await logs('--since', later)).toBe('new')
  })

  test('-f goes on until the end', async () => {
    await start('echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last')
    const follower = root.spawn(['logs', '-f', NAME])
    let seen = ''
    follower.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    await until('the follower has the first line', () => seen.includes('first'))
    await letGo()
    const { exitCode, stdout } = await follower
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'first\nlast' })
  })
})

describe('the end', () => {
  test('stop asks with TERM, and its exit code stands', async () => {
    await start(SLEEP)
    await untilLogged('ready')
    await root.ok(['stop', NAME])
    expect(await state()).toMatchObject({ Running: false, ExitCode: 5, Status: 'exited' })
    expect(await logs()).toContain('got TERM')
  })

  test('stop -t kills what does not listen: 137', async () => {
    await start("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    await untilLogged('ready')
    const { Pid } = await state()
    await root.ok(['stop', '-t', '1', NAME])
    expect(await state()).toMatchObject({ Running: false, ExitCode: 137 })
    expect(isDead(Pid)).toBe(true)
  })

  test('kill -s sends one signal', async () => {
    await start("trap 'echo got USR1' USR1; echo ready; while :; do sleep 0.1; done")
    await untilLogged('ready')
    await root.ok(['kill', '-s', 'USR1', NAME])
    await untilLogged('got USR1')
    expect(await state()).toMatchObject({ Running: true })
    await root.ok(['kill', NAME])
    expect(await root.ok(['wait', NAME])).toBe('137')
  })

  test('wait prints the exit code of one that ends, and of one that has ended', async () => {
    await start('while [ ! -e /go ]; do sleep 0.05; done; exit 9')
    const waiting = root.glasspod(['wait', NAME])
    await letGo()
    expect(await waiting).toMatchObject({ exitCode: 0, stdout: '9' })
    expect(await root.ok(['wait', NAME])).toBe('9')
  })

  test('children that it leaves end with it', async () => {
    await start('sleep 1000 & echo ready; while [ ! -e /go ]; do sleep 0.05; done')
    await untilLogged('ready')
    const before = await root.residue()
    expect(before.processes.some((entry) => entry.endsWith(' sleep'))).toBe(true)
    await letGo()
    await root.ok(['wait', NAME])
    await until('the child has ended', async () =>
      (await root.residue()).processes.every((entry) => !entry.endsWith(' sleep')),
    )
  })
})

describe('start again', () => {
  test('keeps its files, and has a new process', async () => {
    await start('echo run >>/runs; wc -l </runs; [ "$(wc -l </runs)" -gt 1 ] || exit 1; sleep 1000')
    expect(await root.ok(['wait', NAME])).toBe('1')
    await root.ok(['start', NAME])
    await untilLogged('2')
    expect(await state()).toMatchObject({ Running: true })
  })

  test('restart: in its pod it is another process in the same network, whether it ran or not', async () => {
    await root.ok(['pod', 'create', '--name', 'steady'])
    await root.ok(['run', '-d', '--pod', 'steady', '--name', NAME, root.image, 'sh', '-c', SLEEP])
    const network = (pid: number) => readlinkSync(`/proc/${pid}/ns/net`)
    const first = (await state()).Pid
    const held = network(first)
    expect(await root.ok(['restart', '-t', '0', NAME])).toBe(NAME)
    const second = (await state()).Pid
    expect(second).not.toBe(first)
    expect(network(second)).toBe(held)
    await root.ok(['kill', NAME])
    await root.ok(['wait', NAME])
    await root.ok(['restart', NAME])
    expect(await state()).toMatchObject({ Running: true })
    await root.ok(['pod', 'rm', '-f', 'steady'])
  })

  test('restart of one that removes itself is refused, and it runs on', async () => {
    await start(SLEEP, ['--rm'])
    const { exitCode, stderr } = await root.glasspod(['restart', NAME])
    expect({ exitCode, stderr: stderr.split('\n')[0] }).toEqual({
      exitCode: 125,
      stderr: `error: container ${NAME} removes itself when it ends: it cannot be started again   [container.auto-remove]`,
    })
    expect(await state()).toMatchObject({ Running: true })
  })

  test('start -a shows its output and ends with its exit code', async () => {
    await root.ok(['create', '--name', NAME, '--network', 'none', root.image, 'sh', '-c', 'echo hello; exit 4'])
    expect(await root.glasspod(['start', '-a', NAME])).toMatchObject({ exitCode: 4, stdout: 'hello' })
  })
})

describe('exec', () => {
  test('runs beside the first process, with its own exit code and streams', async () => {
    await start(SLEEP)
    expect(await root.glasspod(['exec', NAME, 'sh', '-c', 'echo out; echo err >&2; exit 6'])).toEqual({
      exitCode: 6,
      stdout: 'out',
      stderr: 'err',
    })
    expect(await root.glasspod(['exec', NAME, 'no-such-command'])).toMatchObject({ exitCode: 127 })
    expect(await root.glasspod(['exec', NAME, '/etc/passwd'])).toMatchObject({ exitCode: 126 })
  })

  test('-e, -w, -u and -i', async () => {
    await start(SLEEP)
    const flags = ['-i', '-e', 'A=b', '-w', '/www', '-u', 'www']
    const { stdout } = await root.glasspod(['exec', ...flags, NAME, 'sh', '-c', 'echo $A $(pwd) $(id -u) $(cat)'], {
      input: 'in',
    })
    expect(stdout).toBe('b /www 33 in')
  })

  test('-d leaves it running', async () => {
    await start(SLEEP)
    await root.ok(['exec', '-d', NAME, 'sh', '-c', 'touch /detached; sleep 1000'])
    await until('it has run', async () => (await root.glasspod(['exec', NAME, 'ls', '/detached'])).exitCode === 0)
  })

  test('refuses a container that does not run', async () => {
    await start('true')
    await root.ok(['wait', NAME])
    const { exitCode, stderr } = await root.glasspod(['exec', NAME, 'true'])
    expect(exitCode).toBe(125)
    expect(stderr).toContain(`error: container ${NAME} is not running`)
  })
})

describe('rm', () => {
  test('of what is not there exits with 1, as podman does: rmi and pod rm too', async () => {
    for (const verb of [['rm'], ['rmi'], ['pod', 'rm']]) {
      const { exitCode, stderr } = await root.glasspod([...verb, 'nosuch'])
      expect(exitCode).toBe(1)
      expect(stderr).toMatch(/^error: no such (container|image|pod): nosuch/)
    }
  })

  test('refuses one that runs, and -f ends it first; nothing is left', async () => {
    const before = await root.residue()
    await start(SLEEP)
    const { exitCode, stderr } = await root.glasspod(['rm', NAME])
    expect(exitCode).toBe(2)
    expect(stderr).toContain(`error: container ${NAME} is running`)
    await root.ok(['rm', '-f', NAME])
    await expectNoResidue(root.dir, before)
    expect(await root.ok(['ps', '-aq'])).toBe('')
  })

  test('run -d --rm removes itself', async () => {
    const before = await root.residue()
    await start('true', ['--rm'])
    await until('it is gone', async () => (await root.ok(['ps', '-aq'])) === '')
    await expectNoResidue(root.dir, before)
  })
})
