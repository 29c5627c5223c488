import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCpus, parsePidsLimit, planCpu, planPids } from '../../../runtime/spec/cpus.ts'
import type { Limits } from '../../../runtime/spec/limits.ts'
import { refusal } from '../kernel/refusal.ts'

const plan = (word: string) => planCpu({ NanoCpus: parseCpus(word) }, 2)

test.each([
  ['1.5', { quota: 150_000, period: 100_000 }],
  ['2', { quota: 200_000, period: 100_000 }],
  ['0.01', { quota: 1000, period: 100_000 }],
  ['.29', { quota: 29_000, period: 100_000 }],
  ['1.', { quota: 100_000, period: 100_000 }],
  ['0.333333333', { quota: 33_333, period: 100_000 }],
  ['1.5000000000000', { quota: 150_000, period: 100_000 }],
  ['0', {}],
  ['0.000', {}],
])('--cpus %s', (word, resources) => {
  expect(plan(word)).toEqual(resources)
})

test.each([
  ['2.01', 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  ['0.001', 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  ['999999999', 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  ['', "invalid number of CPUs: ''"],
  ['.', "invalid number of CPUs: '.'"],
  ['-1', "invalid number of CPUs: '-1'"],
  ['two', "invalid number of CPUs: 'two'"],
  ['1e1', "invalid number of CPUs: '1e1'"],
  ['0x2', "invalid number of CPUs: '0x2'"],
  ['0.3333333333', "invalid number of CPUs: '0.3333333333': value is too precise"],
])('--cpus %j is refused', (word, message) => {
  expect(refusal(() => plan(word))).toBe(message)
})

test('hundredths come out exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12_800 }), (hundredths) => {
      const NanoCpus = parseCpus((hundredths / 100).toFixed(2))
      expect(planCpu({ NanoCpus }, 128).quota).toBe(hundredths * 1000)
    }),
  )
})

describe('period, quota and shares', () => {
  test.each<[Limits, object]>([
    [{ CpuQuota: 5000 }, { quota: 5000 }],
    [{ CpuQuota: -1, CpuPeriod: 1000 }, { period: 1000 }],
    [{ CpuShares: 2, CpuQuota: 0 }, { shares: 2 }],
    [
      { CpuQuota: -1, NanoCpus: 1e9 },
      { quota: 100_000, period: 100_000 },
    ],
  ])('%j', (limits, resources) => expect(planCpu(limits, 2)).toEqual(resources))

  test.each<[Limits, string]>([
    [{ NanoCpus: 1e9, CpuPeriod: 5000 }, 'conflicting options: NanoCPUs and CPU Period cannot both be set'],
    [{ NanoCpus: 1e9, CpuQuota: 5000 }, 'conflicting options: NanoCPUs and CPU Quota cannot both be set'],
    [{ CpuPeriod: 999 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ CpuPeriod: 1_000_001 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ CpuQuota: 999 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpuShares: -1 }, 'invalid CPU shares -1'],
  ])('%j is refused', (limits, message) => expect(refusal(() => planCpu(limits, 2))).toBe(message))
})

test('--pids-limit', () => {
  const plan = (word: string) => planPids({ PidsLimit: parsePidsLimit(word) })
  expect([plan('100'), plan('-1'), plan('0'), plan('4194304')]).toEqual([
    { limit: 100 },
    undefined,
    undefined,
    { limit: 4_194_304 },
  ])
  for (const word of ['', '-2', '1.5', '4194305', '99999999', 'many'])
    expect(refusal(() => plan(word))).toBe(`invalid pids limit: '${word}'`)
})
