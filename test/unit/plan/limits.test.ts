import { describe, expect, it } from 'vitest'
import { planLimits } from '../../../runtime/plan/limits.ts'

const shell = (resources: Parameters<typeof planLimits>[0]) =>
  planLimits(resources).map(({ file, value, controller }) => `${controller}: echo ${value} > ${file}`)

describe('limits', () => {
  it.each([
    [{}, []],
    [{ memory: {} }, []],
    [{ memory: { limit: 64 } }, ['memory: echo 64 > memory.max']],
    [{ memory: { limit: 64, swap: 128 } }, ['memory: echo 64 > memory.max', 'memory: echo 64 > memory.swap.max']],
    [{ memory: { limit: 64, swap: 64 } }, ['memory: echo 64 > memory.max', 'memory: echo 0 > memory.swap.max']],
    [{ memory: { limit: 64, swap: -1 } }, ['memory: echo 64 > memory.max']],
    [{ cpu: { quota: 50_000 } }, ['cpu: echo 50000 100000 > cpu.max']],
    [{ cpu: { quota: 5, period: 10 } }, ['cpu: echo 5 10 > cpu.max']],
    [{ cpu: { period: 10 } }, []],
    [{ pids: { limit: 7 } }, ['pids: echo 7 > pids.max']],
  ])('%j', (resources, lines) => expect(shell(resources)).toEqual(lines))
})
