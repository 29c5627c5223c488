import { expect, it } from 'vitest'
import { isAsked, pickLimits, pickWeights } from '../../../runtime/spec/limits.ts'

it('zero, empty and absent are not asked for', () => {
  expect([0, '', null, undefined, [], {}, false].map(isAsked)).toEqual(Array(7).fill(false))
  expect([1, -1, '0', [0], { a: 0 }].map(isAsked)).toEqual(Array(5).fill(true))
})

it('limits are picked from among other things', () => {
  const host = { Memory: 64, NanoCpus: 0, CpusetCpus: '', PidsLimit: -1, NetworkMode: 'none', Binds: [] }
  expect(pickLimits(host)).toEqual({ Memory: 64, PidsLimit: -1 })
})

it('weights are what counts among neighbours', () => {
  const CgroupConf = { 'memory.high': '1', 'memory.low': '2', 'cpu.weight.nice': '3', 'io.weight': '4', 'cpu.max': '5' }
  expect(pickWeights({ Memory: 64, CpuShares: 5, MemoryReservation: 32, CgroupConf })).toEqual({
    CpuShares: 5,
    MemoryReservation: 32,
    CgroupConf: { 'memory.low': '2', 'cpu.weight.nice': '3', 'io.weight': '4' },
  })
  expect(pickWeights({ Memory: 64 })).toEqual({})
})
