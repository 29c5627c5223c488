import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCpus, parsePidsLimit } from '../../../runtime/spec/cpus.ts'
import { refusal } from '../kernel/refusal.ts'

test.each([
  ['1.5', { quota: 150_000, period: 100_000 }],
  ['2', { quota: 200_000, period: 100_000 }],
  ['0.01', { quota: 1000, period: 100_000 }],
  ['.29', { quota: 29_000, period: 100_000 }],
  ['1.', { quota: 100_000, period: 100_000 }],
  ['0.333333333', { quota: 33_333, period: 100_000 }],
  ['1.5000000000000', { quota: 150_000, period: 100_000 }],
  ['0', undefined],
  ['0.000', undefined],
])('--cpus %s', (word, resources) => {
  expect(parseCpus(word, 2)).toEqual(resources)
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
  expect(refusal(() => parseCpus(word, 2))).toBe(message)
})

test('hundredths come out exact', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12_800 }), (hundredths) => {
      expect(parseCpus((hundredths / 100).toFixed(2), 128)?.quota).toBe(hundredths * 1000)
    }),
  )
})

test('--pids-limit', () => {
  expect([parsePidsLimit('100'), parsePidsLimit('-1'), parsePidsLimit('0'), parsePidsLimit('4194304')]).toEqual([
    { limit: 100 },
    undefined,
    undefined,
    { limit: 4_194_304 },
  ])
  for (const word of ['', '-2', '1.5', '4194305', '99999999', 'many'])
    expect(refusal(() => parsePidsLimit(word))).toBe(`invalid pids limit: '${word}'`)
})
