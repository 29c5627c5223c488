import { expect, it } from 'vitest'
import { parseCgroupConf, planUnified } from '../../../runtime/spec/cgroup-conf.ts'
import { refusal } from '../kernel/refusal.ts'

it('KEY=VALUE, with = in the value', () => {
  expect(parseCgroupConf(['memory.high=64m', 'io.max=8:0 rbps=1'])).toEqual({
    'memory.high': '64m',
    'io.max': '8:0 rbps=1',
  })
  for (const word of ['memory.high', '=1', ''])
    expect(refusal(() => parseCgroupConf([word]))).toBe(`--cgroup-conf must be formatted KEY=VALUE, not ${word}`)
})

it('names files of controllers, and nothing else', () => {
  expect(planUnified({ 'hugetlb.2MB.max': '0' })).toEqual({ 'hugetlb.2MB.max': '0' })
  expect(planUnified({})).toBe(undefined)
  expect(planUnified(null)).toBe(undefined)
})

it.each([
  ['cgroup.procs', '1', 'cgroup.procs cannot be set'],
  ['cgroup.freeze', '1', 'cgroup.freeze cannot be set'],
  ['../memory.max', '1', "invalid cgroup file '../memory.max'"],
  ['memory/x', '1', "invalid cgroup file 'memory/x'"],
  ['memory', '1', "invalid cgroup file 'memory'"],
  ['memory.high', '', 'invalid value for memory.high'],
  ['memory.high', '1\n2', 'invalid value for memory.high'],
])('%s=%j is refused', (file, value, message) =>
  expect(refusal(() => planUnified({ [file]: value }))).toContain(message),
)
