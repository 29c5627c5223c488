/** `--step --without STEP-ID`: the kernel is as if the step were not there; nothing of another container can be opened. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSoon } from '../fixtures/expect-soon.ts'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()

beforeAll(root.seedImage)
afterAll(root.teardown)

const without = (ids: readonly string[], command: readonly string[], flags: readonly string[] = []) =>
  root.run(['--rm', '--network', 'none', '--step=auto:0', ...ids.flatMap((id) => ['--without', id]), ...flags], command)
const status = async (ids: readonly string[], field: string) =>
  (await without(ids, ['grep', `^${field}:`, '/proc/self/status'])).stdout.split(/\s+/)[1]

test('a step that is left out is not made, and a warning says what that opens', async () => {
  expect(await status([], 'Seccomp')).toBe('2')
  expect(await status(['process.seccomp'], 'Seccomp')).toBe('0')
  const { stderr } = await without(['process.seccomp'], ['true'])
  expect(stderr).toMatch(/^warning: without process\.seccomp: every system call of the kernel is open to it$/m)
  expect(stderr).not.toMatch(/^[\d.]+ process\.seccomp /m)
})

test('several can be left out', async () => {
  const script = 'ls /proc; ping -c 1 -w 5 127.0.0.1 >/dev/null 2>&1 && echo answered'
  expect((await without(['net.loopback', 'mounts.proc'], ['sh', '-c', script])).stdout).toBe('')
  const { stdout } = await without([], ['sh', '-c', script])
  expect(stdout).toContain('meminfo')
  expect(stdout).toContain('answered')
})

test('where the kernel cannot go on, its error is told, and nothing is left', async () => {
  const before = await root.residue()
  const { exitCode, stderr } = await without(['rootfs.overlay'], ['true'])
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: pivot_root .*EINVAL.*\[rootfs\.pivot\]$/m)
  expect(stderr).toMatch(/^ why {4}pivot_root\(2\) takes only a mount, which rootfs\.overlay makes/m)
  await expectSoon(() => root.residue()).toEqual(before)
  expect(await root.ok(['ps', '-aq'])).toBe('')
})

test.each([
  'namespaces.mnt',
  'namespaces.pid',
  'mounts.private',
  'rootfs.pivot',
  'process.descriptors',
  'cgroups.enter',
  'cgroups.leaf',
  'process.exec',
  'monitor.clone',
  'devices.open',
])('%s cannot be left out, and nothing is made', async (id) => {
  const before = await root.residue()
  const { exitCode, stderr, stdout } = await without([id], ['echo', 'ran'])
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
  expect(stderr).toMatch(new RegExp(`^error: ${id.replaceAll('.', '\\.')} cannot be left out`, 'm'))
  await expectSoon(() => root.residue()).toEqual(before)
  expect(await root.ok(['ps', '-aq'])).toBe('')
})

test('a step that this plan does not have is told with the nearest, and nothing is made', async () => {
  const { exitCode, stderr, stdout } = await without(['mounts.porc'], ['echo', 'ran'])
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
  expect(stderr).toMatch(/^error: --without mounts\.porc: this plan has no such step/m)
  expect(stderr).toContain('--without mounts.proc')
  expect(await root.ok(['ps', '-aq'])).toBe('')
})

test('it goes with --step only, and not into a pod that others are in', async () => {
  expect((await root.run(['--without', 'mounts.proc'], ['true'])).stderr).toMatch(
    /^error: --without goes with --step, and --step is missing/,
  )
  await root.ok(['pod', 'create', '--name', 'shared', '--network', 'none'])
  const { exitCode, stderr } = await without(['process.seccomp'], ['true'], ['--pod', 'shared'])
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: --without goes without --pod/)
  expect((await root.glasspod(['exec', '--step', '--without', 'process.seccomp', 'x', 'true'])).stderr).toContain(
    'glasspod exec has no flag --without',
  )
})
