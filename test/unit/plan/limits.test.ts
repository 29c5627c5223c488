import { describe, expect, it } from 'vitest'
import { planChange, planLimits, weightOf } from '../../../runtime/plan/limits.ts'
import type { OciResources } from '../../../runtime/spec/oci.ts'

const shell = (resources: OciResources) =>
  planLimits(resources).map(({ file, value, controller }) => `${controller}: echo ${value} > ${file}`)

const disk = { major: 8, minor: 0 }

describe('limits', () => {
  it.each<[OciResources, string[]]>([
    [{}, []],
    [{ memory: {} }, []],
    [{ memory: { limit: 64 } }, ['memory: echo 64 > memory.max']],
    [{ memory: { limit: 64, swap: 128 } }, ['memory: echo 64 > memory.max', 'memory: echo 64 > memory.swap.max']],
    [{ memory: { limit: 64, swap: 64 } }, ['memory: echo 64 > memory.max', 'memory: echo 0 > memory.swap.max']],
    [{ memory: { limit: 64, swap: -1 } }, ['memory: echo 64 > memory.max', 'memory: echo max > memory.swap.max']],
    [{ memory: { reservation: 32 } }, ['memory: echo 32 > memory.low']],
    [{ cpu: { quota: 50_000 } }, ['cpu: echo 50000 100000 > cpu.max']],
    [{ cpu: { quota: 5, period: 10 } }, ['cpu: echo 5 10 > cpu.max']],
    [{ cpu: { period: 10 } }, ['cpu: echo max 10 > cpu.max']],
    [{ cpu: { shares: 512 } }, ['cpu: echo 59 > cpu.weight']],
    [{ cpu: { cpus: '0-1', mems: '0' } }, ['cpuset: echo 0-1 > cpuset.cpus', 'cpuset: echo 0 > cpuset.mems']],
    [{ pids: { limit: 7 } }, ['pids: echo 7 > pids.max']],
    [{ unified: { 'hugetlb.2MB.max': '0' } }, ['hugetlb: echo 0 > hugetlb.2MB.max']],
  ])('%j', (resources, lines) => expect(shell(resources)).toEqual(lines))

  it('of a device are one line, with all four rates', () => {
    expect(
      shell({
        blockIO: {
          throttleReadBpsDevice: [
            { ...disk, rate: 1 },
            { major: 9, minor: 1, rate: 2 },
          ],
          throttleWriteIOPSDevice: [{ ...disk, rate: 3 }],
        },
      }),
    ).toEqual([
      'io: echo 8:0 rbps=1 wbps=max riops=max wiops=3 > io.max',
      'io: echo 9:1 rbps=2 wbps=max riops=max wiops=max > io.max',
    ])
  })

  it('that are named as a file are said once', () => {
    expect(shell({ memory: { limit: 64 }, unified: { 'memory.max': '1G', 'memory.high': '1M' } })).toEqual([
      'memory: echo 1G > memory.max',
      'memory: echo 1M > memory.high',
    ])
  })
})

describe('shares', () => {
  it('keep the least, the usual and the most', () => {
    expect([0, 1, 2, 1024, 262_144, 1e9].map(weightOf)).toEqual([1, 1, 1, 100, 10_000, 10_000])
  })

  it('of more weigh no less', () => {
    let last = 0
    for (let shares = 1; shares < 300_000; shares += 97) {
      expect(weightOf(shares)).toBeGreaterThanOrEqual(last)
      last = weightOf(shares)
    }
  })
})

describe('a change', () => {
  const lines = (before: OciResources, after: OciResources) =>
    planChange(before, after).map(({ file, value }) => `${file} = ${value}`)

  it('writes what differs, and unsets what is lifted', () => {
    expect(
      lines({ memory: { limit: 64, swap: 128 }, pids: { limit: 5 } }, { memory: { limit: 96, swap: 160 } }),
    ).toEqual(['pids.max = max', 'memory.max = 96'])
  })

  it.each<[OciResources, string]>([
    [{ memory: { reservation: 1 } }, 'memory.low = 0'],
    [{ cpu: { quota: 5 } }, 'cpu.max = max 100000'],
    [{ cpu: { shares: 5 } }, 'cpu.weight = 100'],
    [{ cpu: { cpus: '0' } }, 'cpuset.cpus = '],
    [
      { blockIO: { throttleReadBpsDevice: [{ ...disk, rate: 1 }] } },
      'io.max = 8:0 rbps=max wbps=max riops=max wiops=max',
    ],
  ])('from %j to nothing is what the kernel has without', (before, line) => expect(lines(before, {})).toEqual([line]))

  it('is nothing where nothing differs', () => {
    const same = { pids: { limit: 5 }, unified: { 'memory.high': '1M' } }
    expect(lines(same, same)).toEqual([])
  })
})
