/** Limits of processor time as the kernel enforces them: cpu.max, cpu.weight, cpuset, and the pressure they make. */
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../fixtures/agent-api.ts'
import { parentOf, readCgroup, readKey } from '../fixtures/cgroup-files.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()
const api = useApi(root)
const BUSY = 'while :; do :; done'

beforeAll(root.seedImage)
afterEach(async () => {
  for (const name of ['one', 'two']) await api.remove(name)
})
afterAll(root.teardown)

const usageOf = (cgroup: string) => readKey(cgroup, 'cpu.stat', 'usage_usec')

describe('cpu.max', () => {
  test('holds a busy container back, and its cpu.stat counts how often', async () => {
    const { cgroup } = await api.run({ name: 'one', script: BUSY, host: { NanoCpus: 0.1e9 } })
    expect(readCgroup(cgroup, 'cpu.max')).toBe('10000 100000')
    await until('it was held back', () => readKey(cgroup, 'cpu.stat', 'nr_throttled') > 2)
    const stats = await api.call<{ cpu_stats: { throttling_data: { throttled_periods: number } } }>(
      'GET',
      '/containers/one/stats?stream=false&one-shot=true',
    )
    expect(stats.cpu_stats.throttling_data.throttled_periods).toBeGreaterThan(2)
  })

  test('is pressure, which the tree shows', async () => {
    const { cgroup } = await api.run({ name: 'one', script: BUSY, host: { NanoCpus: 0.1e9 } })
    const waited = () => Number(/^some .*total=(\d+)$/m.exec(readCgroup(cgroup, 'cpu.pressure'))?.[1])
    await until('it has waited', () => waited() > 100_000)
    expect(await root.ok(['cgroup'])).toMatch(
      /one {2}container {2}memory .*, cpu [\d.]+s of 0\.1 CPUs, throttled \d+ times, .*pressure cpu [\d.]+%/,
    )
  })
})

describe('cpu.weight', () => {
  test('divides a processor between two that both want it', async () => {
    const host = (CpuShares: number) => ({ CpusetCpus: '0', CpuShares })
    const light = await api.run({ name: 'one', script: BUSY, host: host(256) })
    const heavy = await api.run({ name: 'two', script: BUSY, host: host(2048) })
    const weights = [light, heavy].map(({ cgroup }) => Number(readCgroup(cgroup, 'cpu.weight')))
    expect(weights).toEqual([35, 174])
    const before = [light, heavy].map(({ cgroup }) => usageOf(cgroup))
    const used = () => [light, heavy].map(({ cgroup }, index) => usageOf(cgroup) - (before[index] ?? 0))
    await until('they have shared two seconds', () => used().reduce((sum, time) => sum + time, 0) > 2e6)
    const [less = 0, more = 0] = used()
    expect(more / less).toBeGreaterThan(1.5)
    // A container alone in its pod has its neighbours in other pods: what it weighs is its pod's weight too.
    await api.call('POST', '/containers/one/update', { CpuShares: 2048 })
    const now = [light.cgroup, parentOf(light.cgroup)].map((directory) => readCgroup(directory, 'cpu.weight'))
    expect(now).toEqual(['174', '174'])
  })
})

describe('cpuset', () => {
  test('keeps a container on its processors', async () => {
    const { cgroup, pid } = await api.run({ name: 'one', script: BUSY, host: { CpusetCpus: '1', CpusetMems: '0' } })
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Cpus_allowed_list:\t1$/m)
    expect(readCgroup(cgroup, 'cpuset.cpus.effective')).toBe('1')
    expect(await root.ok(['exec', 'one', 'grep', 'Cpus_allowed_list', '/proc/self/status'])).toBe(
      'Cpus_allowed_list:\t1',
    )
  })

  test('has only what there is', async () => {
    const { exitCode, stderr } = await root.run(['--cpuset-cpus', '77'], ['true'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/error: requested CPUs are not available - requested 77, available: 0(-\d+)?/)
  })
})
