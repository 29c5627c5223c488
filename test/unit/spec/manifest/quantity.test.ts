import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseQuantity } from '../../../../runtime/spec/manifest/quantity.ts'

test.each([
  ['0', 0],
  ['128974848', 128_974_848],
  ['129e6', 129_000_000],
  ['129M', 129_000_000],
  ['123Mi', 128_974_848],
  ['1.5Gi', 1_610_612_736],
  ['1e3', 1000],
  ['100m', 1],
  ['1Ki', 1024],
])('%s bytes', (text, bytes) => {
  expect(parseQuantity(text)).toBe(bytes)
})

test.each(['', 'm', '1 Mi', '-1', '1mi', '1MiB', '1.2.3', '1e', '0x10', '1Ei0', '9999999999999999999'])(
  '%j is none',
  (text) => {
    expect(parseQuantity(text)).toBeUndefined()
  },
)

test('processors are counted in billionths', () => {
  expect(parseQuantity('500m', 1e9)).toBe(500_000_000)
  expect(parseQuantity('0.1', 1e9)).toBe(100_000_000)
  expect(parseQuantity('1', 1e9)).toBe(1_000_000_000)
})

test('a unit is its factor', () => {
  fc.assert(
    fc.property(fc.nat(100_000), (count) => {
      expect(parseQuantity(`${count}k`)).toBe(count * 1000)
      expect(parseQuantity(`${count}Mi`)).toBe(count * 1024 ** 2)
    }),
  )
})
