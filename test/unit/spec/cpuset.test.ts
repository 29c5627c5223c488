import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseNumberList, planCpuset } from '../../../runtime/spec/cpuset.ts'
import { refusal } from '../kernel/refusal.ts'

it.each<[string, number[] | undefined]>([
  ['0', [0]],
  ['0-2,4', [0, 1, 2, 4]],
  ['3,1,1-2', [1, 2, 3]],
  ['', undefined],
  ['0-', undefined],
  ['-1', undefined],
  ['2-1', undefined],
  ['a', undefined],
  ['0,,1', undefined],
  ['0-65536', undefined],
  ['0-999999999', undefined],
])('the list %j', (text, numbers) => expect(parseNumberList(text)).toEqual(numbers))

it('a list of numbers is those numbers, ascending', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 65_535 }), { minLength: 1 }), (numbers) => {
      expect(parseNumberList(numbers.join(','))).toEqual([...numbers].sort((a, b) => a - b))
    }),
  )
})

it('only what there is can be asked for', () => {
  const here = { cpus: '0-1', mems: '0' }
  expect(planCpuset({ CpusetCpus: '1', CpusetMems: '0' }, here)).toEqual({ cpus: '1', mems: '0' })
  expect(planCpuset({ CpusetCpus: '' }, here)).toEqual({})
  expect(planCpuset({ CpusetCpus: '7' }, {})).toEqual({ cpus: '7' })
  expect(refusal(() => planCpuset({ CpusetCpus: '0-2' }, here))).toBe(
    'requested CPUs are not available - requested 0-2, available: 0-1',
  )
  expect(refusal(() => planCpuset({ CpusetMems: '1' }, here))).toBe(
    'requested memory nodes are not available - requested 1, available: 0',
  )
  expect(refusal(() => planCpuset({ CpusetMems: 'all' }, here))).toBe('invalid value all for cpuset mems')
})
