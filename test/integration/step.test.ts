/** `run --step`: between two steps the kernel is as the screen says, and who leaves leaves nothing behind. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSoon } from '../fixtures/expect-soon.ts'
import { makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { stepped } from '../fixtures/stepped.ts'

const root = makeRoot()

beforeAll(() => root.seedImage())
afterAll(() => root.teardown())

const endlessly = function* (text: string): Generator<string> {
  for (;;) yield text
}

/** A run that stops. */
const step = (flags: readonly string[], command: readonly string[]) =>
  stepped(root, ['run', '--network', 'none', '--step', ...flags, root.image, ...command])

/** Device and type of what the process has as its root. */
const readRoot = (pid: number | 'self') => {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')
  const fields = lines.map((line) => line.split(' ')).filter(([, , , , point]) => point === '/')
  const [, , device, ...rest] = fields.at(-1) ?? []
  return { device, type: rest[rest.indexOf('-') + 1] }
}

const readStatus = (pid: number, field: string) =>
  new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

test('before pivot_root the process has the host’s root, after it its own; at the end the command has run', async () => {
  const run = step(['--rm'], ['echo', 'made'])
  await run.goTo('rootfs.pivot')
  const pid = await run.readPid()
  expect(readRoot(pid).device).toBe(readRoot('self').device)
  expect(readlinkSync(`/proc/${pid}/ns/mnt`)).not.toBe(readlinkSync('/proc/self/ns/mnt'))
  let after = await run.press('n')
  // its second half lets go of the old root
  while (after !== undefined && / rootfs\.pivot /.test(after)) after = await run.press('n')
  expect(readRoot(pid).type).toBe('overlay')
  // the screen tells that difference
  expect(after).toMatch(/^- mounts: \/ /m)

  let shown = after
  while (shown !== undefined && !/ process\.exec /.test(shown)) shown = await run.press('')
  // all is made, the command is not executed: no host capability is left in the bounding set
  expect(readlinkSync(`/proc/${pid}/exe`)).toMatch(/\/init( \(deleted\))?$/)
  expect(BigInt(`0x${readStatus(pid, 'CapBnd')}`) & (1n << 21n)).toBe(0n)
  expect(readStatus(pid, 'Seccomp')).toBe('2')
  expect(await run.press('')).toBeUndefined()
  const { exitCode, stdout } = await run.child
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'made' })
})

test('a step of a namespace is seen to make it', async () => {
  const run = step(['--rm'], ['true'])
  await run.goTo('namespaces.mnt')
  const pid = await run.readPid()
  const before = readlinkSync(`/proc/${pid}/ns/mnt`)
  const shown = await run.press('')
  const after = readlinkSync(`/proc/${pid}/ns/mnt`)
  expect(after).not.toBe(before)
  expect(shown).toContain(`- namespaces: ${before}`)
  expect(shown).toContain(`+ namespaces: ${after}`)
  await run.press('q')
  expect((await run.child).exitCode).toBe(125)
})

test.each([
  ['inside the container', 'rootfs.pivot', 'q'],
  ['in the monitor', 'monitor.alive', 'q'],
  ['outside of any program', 'bundle.config', 'q'],
  ['by the end of its input', 'process.exec', undefined],
])('leaving %s takes all back', async (_, id, key) => {
  const before = await root.residue()
  const run = step(['--name', 'left'], ['true'])
  await run.goTo(id)
  if (key === undefined) run.child.stdin?.end()
  else await run.press(key)
  const { exitCode, stderr } = await run.child
  expect(exitCode).toBe(125)
  expect(stderr).toContain(`left before step ${id}`)
  expect(await root.residue()).toEqual(before)
  expect(await root.ok(['ps', '-a', '--format', 'json'])).toBe('[]')
})

test('a client that is killed in the midst is one that has left', async () => {
  const before = await root.residue()
  const run = step(['--name', 'lost'], ['true'])
  await run.goTo('mounts.devpts')
  const pid = await run.readPid()
  run.child.kill('SIGKILL')
  await run.child
  // one more start under that name can only be when the first is taken back
  await expectSoon(() => root.run(['--rm', '--network', 'none', '--name', 'lost'], ['true'])).toMatchObject({
    exitCode: 0,
  })
  expect(() => readStatus(pid, 'State')).toThrow('ENOENT')
  await expectSoon(() => root.residue()).toEqual(before)
})

test('keys without end are taken one by one, and the rest of them waits', async () => {
  const run = root.spawn(['run', '--rm', '--network', 'none', '--step', root.image, 'echo', 'made'], 'pipe')
  const keys = Readable.from(endlessly('\n'.repeat(1 << 16)))
  const stdin = run.stdin?.on('error', () => undefined)
  if (stdin !== undefined) keys.pipe(stdin)
  const { exitCode, stdout } = await run
  keys.destroy()
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'made' })
})

test('when the agent is killed in the midst, nothing runs, and nobody goes on without asking', async () => {
  const run = step(['--name', 'orphan'], ['echo', 'ran'])
  await run.goTo('mounts.devpts')
  const pid = await run.readPid()
  process.kill(await readAgentPid(root), 'SIGKILL')
  const { exitCode, stderr } = await run.child
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: the agent closed the connection before its answer was whole/m)
  await expectSoon(() => existsSync(`/proc/${pid}/ns/mnt`)).toBe(false)
  expect((await root.inspect('orphan')).State.Running).toBe(false)
  expect(await root.ok(['logs', 'orphan'])).toBe('')
  await root.ok(['rm', 'orphan'])
})

test('a run without --step asks nothing and has no call for it', async () => {
  const list = await root.ok(['explain', '--format', 'strace', 'run', '--network', 'none', root.image, 'true'])
  expect(list).not.toContain('step.')
  const { exitCode, stderr } = await root.run(['--rm', '--network', 'none'], ['true'])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
})

test.each(['-i', '-t', '--explain', '--dry-run=sh'])('--step goes without %s', async (flag) => {
  const { exitCode, stderr } = await root.run(['--step', flag], ['true'])
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: --step goes without /)
})
