import { expect, test } from 'vitest'
import { parseUlimit, planRlimits, RLIM_INFINITY, RLIMITS } from '../../../runtime/kernel/rlimits.ts'
import { refusal } from './refusal.ts'

test.each([
  ['nofile=1024:4096', { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 }],
  ['nofile=1024', { type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
  ['core=0', { type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
  ['memlock=-1', { type: 'RLIMIT_MEMLOCK', soft: RLIM_INFINITY, hard: RLIM_INFINITY }],
  ['nproc=10:unlimited', { type: 'RLIMIT_NPROC', soft: 10, hard: RLIM_INFINITY }],
  ['fsize=9007199254740993', { type: 'RLIMIT_FSIZE', soft: 9007199254740993n, hard: 9007199254740993n }],
])('%s', (word, limit) => {
  expect(parseUlimit(word)).toEqual(limit)
})

test.each([
  ['nofile', 'invalid ulimit argument: nofile'],
  ['nofile=1=2', 'invalid ulimit argument: nofile=1=2'],
  ['nofile=', 'invalid ulimit argument: nofile='],
  ['nofile=1k', 'invalid ulimit argument: nofile=1k'],
  ['nofile=1:', 'invalid ulimit argument: nofile=1:'],
  ['nofile=18446744073709551616', 'invalid ulimit argument: nofile=18446744073709551616'],
  ['files=1', 'invalid ulimit type: files'],
  ['=1', 'invalid ulimit type: '],
  ['nofile=1:2:3', 'too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`'],
  ['nofile=2:1', 'ulimit soft limit must be less than or equal to hard limit: 2 > 1'],
  ['nofile=-1:1', 'ulimit soft limit must be less than or equal to hard limit: unlimited > 1'],
])('%s is refused', (word, message) => {
  expect(refusal(() => parseUlimit(word))).toBe(message)
})

test('of two for one limit the later counts; without any, all are inherited', () => {
  expect(planRlimits(['nofile=1', 'core=0', 'nofile=2'])).toEqual([parseUlimit('nofile=2'), parseUlimit('core=0')])
  expect(planRlimits([])).toEqual([])
})

test('numbers of asm-generic/resource.h', () => {
  expect([RLIMITS.RLIMIT_CPU, RLIMITS.RLIMIT_NOFILE, RLIMITS.RLIMIT_AS, RLIMITS.RLIMIT_RTTIME]).toEqual([0, 7, 9, 15])
})
