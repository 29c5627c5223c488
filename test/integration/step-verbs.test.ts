/** `--step` of exec, pod create and pod start; and `--step=auto`, which goes on by itself. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSoon } from '../fixtures/expect-soon.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { stepped } from '../fixtures/stepped.ts'

const root = makeRoot()

beforeAll(async () => {
  await root.seedImage()
  await root.ok(['run', '-d', '--name', 'host', '--network', 'none', root.image, 'sleep', '1000'])
})
afterAll(root.teardown)

const readContainer = async () => {
  const { Id, State } = await root.inspect('host')
  return { directory: `${root.dir}/containers/${Id}`, pid: State.Pid }
}
const listExecs = (directory: string) => readdirSync(directory).filter((name) => name.startsWith('exec-'))

test('exec --step enters the container before our eyes, and its exit code comes back', async () => {
  const { pid } = await readContainer()
  const exec = stepped(root, ['exec', '--step', 'host', 'sh', '-c', 'echo in; exit 7'])
  await exec.goTo('process.exec')
  const entered = await exec.readPid()
  for (const name of ['mnt', 'pid', 'net', 'user'])
    expect(readlinkSync(`/proc/${entered}/ns/${name}`)).toBe(readlinkSync(`/proc/${pid}/ns/${name}`))
  expect(await exec.press('')).toBeUndefined()
  const { exitCode, stdout } = await exec.child
  expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'in' })
})

test.each(['exec.directory', 'exec.log', 'monitor.alive', 'namespaces.join'])(
  'leaving an exec before %s leaves the container as it was',
  async (id) => {
    const { directory } = await readContainer()
    const before = await root.residue()
    const exec = stepped(root, ['exec', '--step', 'host', 'true'])
    await exec.goTo(id)
    await exec.press('q')
    const { exitCode, stdout, stderr } = await exec.child
    expect(exitCode).toBe(125)
    expect(stdout + stderr).toContain(`left before step ${id}`)
    expect(listExecs(directory)).toEqual([])
    await expectSoon(() => root.residue()).toEqual(before)
    expect((await root.inspect('host')).State.Running).toBe(true)
  },
)

test('pod create --step makes a pod, or nothing', async () => {
  const left = stepped(root, ['pod', 'create', '--step', '--name', 'shop'])
  await left.goTo('pod.record')
  await left.press('q')
  expect((await left.child).exitCode).toBe(125)
  expect(await root.ok(['pod', 'ps', '-q'])).toBe('')
  const made = stepped(root, ['pod', 'create', '--step', '--name', 'shop', '--network', 'none'])
  await made.goTo('pod.record')
  expect(await made.press('')).toBeUndefined()
  const { exitCode, stdout } = await made.child
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^[0-9a-f]{64}$/)
})

test('pod start --step goes through its pause and into its container, and leaving ends both', async () => {
  await root.ok(['create', '--name', 'in-shop', '--pod', 'shop', root.image, 'sleep', '1000'])
  const start = stepped(root, ['pod', 'start', '--step', 'shop'])
  await start.goTo('uts.hostname')
  const pause = await start.readPid()
  expect(await start.press('g process.exec')).toMatch(/^[\d.]+ process\.exec /m)
  await start.press('q')
  expect((await start.child).exitCode).toBe(125)
  expect((await root.inspect('in-shop')).State.Running).toBe(false)
  // the pod itself was started before, and is stopped by its own verb
  expect(existsSync(`/proc/${pause}`)).toBe(true)
  await root.ok(['pod', 'rm', '-f', 'shop'])
  await expectSoon(() => existsSync(`/proc/${pause}`)).toBe(false)
})

test('--step=auto goes on by itself, in a pipe line by line, and takes nothing of standard input', async () => {
  const { exitCode, stdout, stderr } = await root.run(['--network', 'none', '--step=auto:0'], ['echo', 'made'])
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 0, stdout: 'made' })
  expect(stderr).toMatch(/^[\d.]+ pod\.directory /m)
  expect(stderr).toMatch(/^[\d.]+ process\.exec /m)
  expect(stderr).not.toContain('[Enter]')
})

test('a signal ends the playing as a key would', async () => {
  const before = await root.residue()
  const run = stepped(root, ['run', '--rm', '--network', 'none', '--step=auto:1000', root.image, 'true'])
  await expectSoon(() => run.said()).toContain('pod.directory')
  run.child.kill('SIGINT')
  const { exitCode, stderr } = await run.child
  expect(exitCode).toBe(125)
  expect(stderr).toContain('left before step pod.directory')
  await expectSoon(() => root.residue()).toEqual(before)
})

test.each(['--step=slow', '--step=auto:', '--step=auto:-1', '--step=auto:1e3', '--step=auto:99999'])(
  '%s is refused',
  async (flag) => {
    const { exitCode, stderr } = await root.run([flag], ['true'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: --step(=auto:.*: seconds are a number| takes nothing, auto)/)
  },
)
