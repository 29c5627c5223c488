/** Limits of memory as the kernel enforces them, and what is known of a container that they ended. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../fixtures/agent-api.ts'
import { parentOf, readCgroup, readKey } from '../fixtures/cgroup-files.ts'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()
const api = useApi(root)
const MiB = 1024 * 1024
/** Memory without swap. */
const only = (bytes: number) => ({ Memory: bytes, MemorySwap: bytes })
/** A first process that wants so much at once: dd reads into one buffer. */
const want = (mebibytes: number) => `exec dd if=/dev/zero of=/dev/null bs=${mebibytes}M count=1`
/** One that keeps it. */
const keep = (mebibytes: number) => `exec dd if=/dev/zero of=/dev/null bs=${mebibytes}M`

beforeAll(root.seedImage)
afterEach(async () => {
  for (const name of ['one', 'two']) await api.remove(name)
  await api.removePod('shop')
})
afterAll(root.teardown)

describe('memory.max', () => {
  test('ends what wants more, and the certificate says whose limit it was', async () => {
    await api.run({ name: 'one', script: want(200), host: only(64 * MiB) })
    const state = await api.ended('one')
    expect(state).toMatchObject({ ExitCode: 137, OOMKilled: true })
    expect(state.Reason).toMatch(
      /^the OOM killer ended it: its memory limit of 64MiB was reached; it used 6[34](\.\d+)?MiB at most$/,
    )
    expect(state.Evidence).toMatchObject({ signal: 9, memoryLimit: 64 * MiB })
    expect(await root.ok(['ps', '-a'])).toMatch(/Exited \(137\) .* ago \(OOM killed\)/)
  })

  test('is not what glasspod kill, cgroup.kill or a kill from outside are', async () => {
    const script = 'while :; do sleep 1; done'
    const { pid } = await api.run({ name: 'one', script, host: only(64 * MiB) })
    process.kill(pid, 'SIGKILL')
    expect(await api.ended('one')).toMatchObject({
      ExitCode: 137,
      OOMKilled: false,
      Reason: 'killed by SIGKILL from outside: not by glasspod, not by the OOM killer (memory.events has oom_kill 0)',
    })
    await api.call('POST', '/containers/one/start')
    const { CgroupPath } = await api.inspect('one')
    writeFileSync(`${CgroupPath}/cgroup.kill`, '1')
    expect(await api.ended('one')).toMatchObject({
      ExitCode: 137,
      OOMKilled: false,
      Reason: expect.stringContaining('from outside') as string,
    })
    await api.call('POST', '/containers/one/start')
    await api.call('POST', '/containers/one/kill')
    expect(await api.ended('one')).toMatchObject({ OOMKilled: false, Reason: 'glasspod kill killed it' })
  })

  test('ends a child, and the first process goes on: OOMKilled at once, the reason at the end', async () => {
    const script = 'dd if=/dev/zero of=/dev/null bs=200M count=1; while [ ! -e /go ]; do sleep 1; done; exit 3'
    await api.run({ name: 'one', script, host: only(64 * MiB) })
    await until('its child was ended', async () => (await api.state('one')).OOMKilled)
    expect(await api.state('one')).toMatchObject({ Running: true, Reason: '' })
    await root.glasspod(['exec', 'one', 'touch', '/go'])
    expect((await api.ended('one')).Reason).toBe(
      'it ended by itself with exit code 3; ' +
        'the OOM killer had ended 1 of its processes: its memory limit of 64MiB was reached',
    )
  })

  test('that ends a container while the agent is dead is known to the next one', async () => {
    const shared = mkdtempSync('/tmp/gp-shared-')
    try {
      const script = `while [ ! -e /shared/go ]; do sleep 1; done; ${want(200)}`
      const host = { ...only(64 * MiB), Binds: [`${shared}:/shared`] }
      const { pid } = await api.run({ name: 'one', script, host })
      const agent = await readAgentPid(root)
      process.kill(agent, 'SIGKILL')
      await until('the agent is dead', () => isDead(agent))
      writeFileSync(`${shared}/go`, '')
      await until('the container has ended', () => isDead(pid))
      await root.ok(['info'])
      expect(await api.ended('one')).toMatchObject({
        ExitCode: 137,
        OOMKilled: true,
        Reason: expect.stringContaining('its memory limit of 64MiB was reached') as string,
      })
    } finally {
      rmSync(shared, { recursive: true, force: true })
    }
  })
})

describe('memory.high', () => {
  test('brings usage down and ends nothing', async () => {
    const script = 'dd if=/dev/zero of=/data bs=1M count=96 && echo done && while :; do sleep 1; done'
    const host = { ...only(256 * MiB), CgroupConf: { 'memory.high': '32M' } }
    const { cgroup } = await api.run({ name: 'one', script, host })
    expect(readCgroup(cgroup, 'memory.high')).toBe(`${32 * MiB}`)
    await until('it was brought down', () => readKey(cgroup, 'memory.events', 'high') > 0)
    expect(readKey(cgroup, 'memory.events', 'oom_kill')).toBe(0)
    expect((await api.state('one')).Running).toBe(true)
  })
})

describe('memory.swap.max', () => {
  const swapTotal = Number(/^SwapTotal: +(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0)

  test.each([
    ['the same as --memory: none', only(64 * MiB), '0'],
    ['more: the difference', { Memory: 64 * MiB, MemorySwap: 96 * MiB }, `${32 * MiB}`],
    ['not given: as much again', { Memory: 64 * MiB }, `${64 * MiB}`],
    ['-1: all there is', { Memory: 64 * MiB, MemorySwap: -1 }, 'max'],
  ])('--memory-swap, %s', async (_, host, value) => {
    const { cgroup } = await api.run({ name: 'one', script: 'while :; do sleep 1; done', host })
    expect([readCgroup(cgroup, 'memory.max'), readCgroup(cgroup, 'memory.swap.max')]).toEqual([`${64 * MiB}`, value])
  })

  test.skipIf(swapTotal === 0)('takes what does not fit into memory, and nothing ends [needs swap]', async () => {
    const { cgroup } = await api.run({
      name: 'one',
      script: keep(48),
      host: { Memory: 32 * MiB, MemorySwap: 128 * MiB },
    })
    await until('something is swapped out', () => Number(readCgroup(cgroup, 'memory.swap.current')) > 0)
    expect(readKey(cgroup, 'memory.events', 'oom_kill')).toBe(0)
    expect((await api.state('one')).Running).toBe(true)
  })
})

describe('a limit of the pod', () => {
  test('bounds the sum of its containers, and is named where it ends one', async () => {
    await api.call('POST', '/glasspod/pods/create', { Name: 'shop', Network: 'none', Limits: only(64 * MiB) })
    const first = await api.run({ name: 'one', script: keep(40), pod: 'shop' })
    const pod = parentOf(first.cgroup)
    expect(readCgroup(pod, 'memory.max')).toBe(`${64 * MiB}`)
    expect(readCgroup(first.cgroup, 'memory.max')).toBe('max')
    await until('the first has its memory', () => Number(readCgroup(first.cgroup, 'memory.current')) > 36 * MiB)
    const second = await api.run({ name: 'two', script: keep(40), pod: 'shop' })
    const victim = await until('one of them was ended', async () => {
      const states = [await api.state('one'), await api.state('two')]
      return states.find(({ Running }) => !Running)
    })
    expect(victim).toMatchObject({
      ExitCode: 137,
      OOMKilled: true,
      Reason: expect.stringMatching(
        /^the OOM killer ended it: the memory limit of 64MiB of its pod was reached/,
      ) as string,
    })
    const living = (await api.state('one')).Running ? first : second
    expect(Number(readCgroup(pod, 'memory.current'))).toBeLessThanOrEqual(64 * MiB)
    expect((await api.state(living.name)).Running).toBe(true)
    // processes sit in leaves only
    expect(readCgroup(pod, 'cgroup.procs')).toBe('')
  })
})

describe('update', () => {
  test('changes what runs, all of it or nothing, and the next run too', async () => {
    const script = 'while :; do sleep 1; done'
    const { cgroup } = await api.run({ name: 'one', script, host: { ...only(64 * MiB), PidsLimit: 20 } })
    await root.ok(['update', '--memory', '96m', '--memory-swap', '128m', '--pids-limit', '-1', 'one'])
    const read = () => ['memory.max', 'memory.swap.max', 'pids.max'].map((file) => readCgroup(cgroup, file))
    expect(read()).toEqual([`${96 * MiB}`, `${32 * MiB}`, 'max'])
    const { exitCode, stderr } = await root.glasspod([
      ...['update', '--memory', '128m', '--memory-swap', '256m', '--cgroup-conf', 'memory.high=lots', 'one'],
    ])
    expect(exitCode).toBe(125)
    expect(stderr).toContain('error: memory.high = lots is refused by the kernel: EINVAL')
    expect(read()).toEqual([`${96 * MiB}`, `${32 * MiB}`, 'max'])
    await api.call('POST', '/containers/one/restart?t=0')
    expect(read()).toEqual([`${96 * MiB}`, `${32 * MiB}`, 'max'])
  })
})

describe('stats', () => {
  test('has usage and limit, as docker shows them', async () => {
    await api.run({ name: 'one', script: keep(16), host: { ...only(64 * MiB), PidsLimit: 20 } })
    const stats = await until('it has its memory', async () => {
      const answer = await api.call<{ memory_stats: { usage: number; limit: number }; pids_stats: object }>(
        'GET',
        '/containers/one/stats?stream=false&one-shot=true',
      )
      return answer.memory_stats.usage > 16 * MiB ? answer : undefined
    })
    expect(stats.memory_stats.limit).toBe(64 * MiB)
    expect(stats.pids_stats).toEqual({ current: 1, limit: 20 })
    expect(await root.ok(['stats', '--no-stream'])).toMatch(/one +[\d.]+% +1[6-9](\.\d+)?MiB \/ 64MiB/)
  })
})
