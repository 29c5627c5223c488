/** What watches a container outlives the agent: kill -9 it, and an attached run, `logs -f` and `wait` go on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { listenOnLoopback } from '../fixtures/loopback-server.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
const LINES = 2000
/** Numbered lines on both streams, then exit code 42. */
const COUNT = `i=0; while [ $i -lt ${LINES} ]; do i=$((i + 1)); echo $i; echo e$i >&2; [ $((i % 50)) -ne 0 ] || sleep 0.05; done; exit 42`
const numbers = (prefix = '') => Array.from({ length: LINES }, (_, index) => `${prefix}${index + 1}`)

const killAgent = async (): Promise<void> => {
  const pid = await readAgentPid(root)
  process.kill(pid, 'SIGKILL')
  await until('the agent is dead', () => isDead(pid))
}
/** Its output as it comes. */
const watch = (child: ReturnType<typeof root.spawn>) => {
  let seen = ''
  child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  return {
    lines: () => seen.split('\n').length - 1,
    untilSeen: (text: string) => until(text, () => seen.includes(text)),
  }
}
/** Kills the agent each time that the watcher has seen a good deal more. */
const killAlong = async (seen: { lines: () => number }, times: number): Promise<void> => {
  for (let round = 1; round <= times; round++) {
    await until('more lines', () => seen.lines() >= (round * LINES) / (times + 2))
    await killAgent()
  }
}

beforeAll(root.seedImage)
afterAll(root.teardown)

test('run --rm: every line once, the exit code of the container, and it is removed', async () => {
  const before = await root.residue()
  const child = root.spawn(['run', '--rm', '--name', 'counter', '--network', 'none', root.image, 'sh', '-c', COUNT])
  await killAlong(watch(child), 5)
  const { exitCode, stdout, stderr } = await child
  expect(stdout.split('\n')).toEqual(numbers())
  expect(stderr.split('\n')).toEqual(numbers('e'))
  expect(exitCode).toBe(42)
  expect(await root.ok(['ps', '-aq'])).toBe('')
  await expectNoResidue(root.dir, before)
})

test('run --rm: one that ended while no agent ran still gives its last output and its exit code', async () => {
  const child = root.spawn([
    'run',
    '--rm',
    '--name',
    'late',
    '--network',
    'none',
    root.image,
    'sh',
    '-c',
    'echo ready; exec sleep 1000',
  ])
  await watch(child).untilSeen('ready')
  const { State } = await root.inspect('late')
  // The client sleeps through it all: the end of the agent, that of the container, and the next agent.
  child.kill('SIGSTOP')
  await killAgent()
  process.kill(State.Pid, 'SIGKILL')
  await until('it has ended', () => isDead(State.Pid))
  expect(await root.ok(['ps', '-a', '--filter', 'name=late'])).toContain('Exited (137)')
  child.kill('SIGCONT')
  expect(await child).toMatchObject({ exitCode: 137, stdout: 'ready', stderr: '' })
  expect(await root.ok(['ps', '-aq'])).toBe('')
})

test('run -i: every byte of standard input arrives once', async () => {
  const child = root.spawn(['run', '--rm', '-i', '--network', 'none', root.image, 'sh', '-c', 'cat; exit 3'], 'pipe')
  const seen = watch(child)
  for (let line = 1; line <= LINES; line++) {
    child.stdin?.write(`${line}\n`)
    if (line % (LINES / 4) !== 0) continue
    await until('it comes back', () => seen.lines() >= line - LINES / 8)
    await killAgent()
  }
  child.stdin?.end()
  const { exitCode, stdout } = await child
  expect(stdout.split('\n')).toEqual(numbers())
  expect(exitCode).toBe(3)
})

test('run -d -i: neither the end of the agent is the end of its input, nor that of a client', async () => {
  await root.ok(['run', '-d', '-i', '--name', 'open', '--network', 'none', root.image, 'sh', '-c', 'echo ready; cat'])
  await until('it is ready', async () => (await root.ok(['logs', 'open'])) === 'ready')
  const { State } = await root.inspect('open')
  await killAgent()
  const child = root.spawn(['start', '-ai', 'open'], 'pipe')
  child.stdin?.write('typed\n')
  await watch(child).untilSeen('typed')
  expect((await root.inspect('open')).State).toMatchObject({ Pid: State.Pid, Running: true })
  await root.ok(['rm', '-f', 'open'])
  await child
})

test('exec: its exit code is nobody’s any more, and it says so', async () => {
  await root.ok(['run', '-d', '--name', 'busy', '--network', 'none', root.image, 'sleep', '1000'])
  const child = root.spawn(['exec', 'busy', 'sh', '-c', 'echo ready; exec sleep 1000'])
  await watch(child).untilSeen('ready')
  await killAgent()
  const { exitCode, stderr } = await child
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: the agent ended, and the command in busy may run on: .* {3}\[agent\.lost\]\n try /)
  await root.ok(['rm', '-f', 'busy'])
})

test('a signal for the container is not lost between two agents', async () => {
  const script = `trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.1; done`
  const child = root.spawn(['run', '--rm', '--network', 'none', root.image, 'sh', '-c', script])
  await watch(child).untilSeen('ready')
  const agent = await readAgentPid(root)
  process.kill(agent, 'SIGKILL')
  // not child.kill, which sends SIGKILL some seconds later
  process.kill(child.pid ?? 0, 'SIGTERM')
  expect(await child).toMatchObject({ exitCode: 5, stdout: 'ready\ngot TERM' })
})

test('logs -f and wait go on, with the lines that were asked for and the exit code', async () => {
  await root.ok(['run', '-d', '--name', 'writer', '--network', 'none', root.image, 'sh', '-c', COUNT])
  const followers = [[], ['--tail', '3'], ['--timestamps']].map((flags) =>
    root.spawn(['logs', '-f', ...flags, 'writer']),
  )
  const waiting = root.glasspod(['wait', 'writer'])
  await killAlong(watch(followers[0] as (typeof followers)[number]), 3)
  expect(await waiting).toMatchObject({ exitCode: 0, stdout: '42' })
  const [all = '', tail = '', stamped = ''] = (await Promise.all(followers)).map(({ stdout }) => stdout)
  expect(all.split('\n')).toEqual(numbers())
  expect(tail.split('\n')).toEqual(numbers().slice(-tail.split('\n').length))
  expect(stamped.split('\n').map((line) => line.replace(/^\S+Z /, ''))).toEqual(numbers())
  await root.ok(['rm', 'writer'])
})

test('where no agent can be started any more, the error says so, and the container runs on', async () => {
  const child = root.spawn([
    'run',
    '--name',
    'orphan',
    '--network',
    'none',
    root.image,
    'sh',
    '-c',
    'echo ready; exec sleep 1000',
  ])
  await watch(child).untilSeen('ready')
  const { State } = await root.inspect('orphan')
  const bundle = `${root.dir}/lib/current/agent.cjs`
  const text = readFileSync(bundle)
  const agent = await readAgentPid(root)
  writeFileSync(bundle, 'throw new Error("broken on purpose")')
  try {
    process.kill(agent, 'SIGKILL')
    const { exitCode, stderr } = await child
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: the agent of .* ended before it answered {3}\[agent\.start\]/)
    expect(stderr).toContain('broken on purpose')
    expect(isDead(State.Pid)).toBe(false)
  } finally {
    writeFileSync(bundle, text)
  }
  await root.ok(['rm', '-f', 'orphan'])
})

test('a signal ends a run whose image is still being pulled', async () => {
  const asked: string[] = []
  const silent = createServer(({ url = '' }, response) => {
    asked.push(url)
    // the manifest never comes
    if (url === '/v2/') response.end('{}')
  })
  const { host, stop } = await listenOnLoopback(silent)
  const child = root.spawn(['run', '--rm', '--network', 'none', `${host}/x`, 'true'])
  await until('its manifest is asked for', () => asked.some((url) => url.includes('manifests')))
  process.kill(child.pid ?? 0, 'SIGINT')
  expect(await child).toMatchObject({ signal: 'SIGINT' })
  await stop()
  expect(await root.ok(['ps', '-aq'])).toBe('')
})
