import { describe, expect, test } from 'vitest'
import type { Limits } from '../../../runtime/spec/limits.ts'
import {
  formatMemorySize,
  parseMemorySize,
  parseSwap,
  planMemory,
  type MemoryResources,
} from '../../../runtime/spec/memory-size.ts'
import { refusal } from '../kernel/refusal.ts'

const MiB = 1024 * 1024

test.each([
  ['512m', 512 * MiB],
  ['1.5g', 1.5 * 1024 * MiB],
  ['1GiB', 1024 * MiB],
  ['64 MB', 64 * MiB],
  ['2048', 2048],
  ['2048b', 2048],
  ['0', 0],
  ['0.5k', 512],
  ['1.9b', 1],
  ['4T', 4 * 1024 ** 4],
])('%s', (word, bytes) => {
  expect(parseMemorySize(word)).toBe(bytes)
})

test.each([
  ['', "invalid size: ''"],
  ['lots', "invalid size: 'lots'"],
  ['-5m', "invalid size: '-5m'"],
  ['m', "invalid size: 'm'"],
  ['1..5g', "invalid size: '1..5g'"],
  ['5 0m', "invalid size: '5 0m'"],
  ['5x', "invalid suffix: 'x' in size '5x'"],
  ['5mm', "invalid suffix: 'mm' in size '5mm'"],
  ['5ib', "invalid suffix: 'ib' in size '5ib'"],
  ['5constructor', "invalid suffix: 'constructor' in size '5constructor'"],
  ['9999p', "invalid size: '9999p'"],
])('%j is refused', (word, message) => {
  expect(refusal(() => parseMemorySize(word))).toBe(message)
})

test.each([
  [0, '0B'],
  [1023, '1023B'],
  [1024, '1KiB'],
  [64 * MiB, '64MiB'],
  [12.345 * MiB, '12.35MiB'],
  [1.5 * 1024 * MiB, '1.5GiB'],
])('%i is shown as %s', (bytes, text) => expect(formatMemorySize(bytes)).toBe(text))

test('--memory-swap is a size, or -1', () => {
  expect([parseSwap('-1'), parseSwap('1m')]).toEqual([-1, MiB])
  expect(refusal(() => parseSwap('-2'))).toBe("invalid size: '-2'")
})

describe('limits together', () => {
  test.each<[Limits, MemoryResources]>([
    [{}, {}],
    [{ Memory: 0 }, {}],
    [{ Memory: 6 * MiB }, { limit: 6 * MiB, swap: 12 * MiB }],
    [
      { Memory: 512 * MiB, MemorySwap: 0 },
      { limit: 512 * MiB, swap: 1024 * MiB },
    ],
    [
      { Memory: 512 * MiB, MemorySwap: -1 },
      { limit: 512 * MiB, swap: -1 },
    ],
    [
      { Memory: 512 * MiB, MemorySwap: 512 * MiB },
      { limit: 512 * MiB, swap: 512 * MiB },
    ],
    [{ MemorySwap: -1 }, {}],
    [
      { Memory: 512 * MiB, MemoryReservation: 256 * MiB },
      { limit: 512 * MiB, swap: 1024 * MiB, reservation: 256 * MiB },
    ],
    [{ MemoryReservation: 256 * MiB }, { reservation: 256 * MiB }],
  ])('%o', (request, resources) => {
    expect(planMemory(request)).toEqual(resources)
  })

  test.each<[Limits, string]>([
    [{ Memory: 5 * MiB }, 'minimum memory limit allowed is 6MB'],
    [{ Memory: 6 * MiB - 1 }, 'minimum memory limit allowed is 6MB'],
    [{ MemoryReservation: 1024 }, 'minimum memory reservation allowed is 6MB'],
    [
      { Memory: 10 * MiB, MemoryReservation: 11 * MiB },
      'minimum memory limit can not be less than memory reservation limit',
    ],
    [{ MemorySwap: 1024 * MiB }, 'you should always set the memory limit when using memoryswap limit'],
    [{ Memory: 1024 * MiB, MemorySwap: 512 * MiB }, 'minimum memoryswap limit should be larger than memory limit'],
    [{ Memory: 1024 * MiB, MemorySwap: -2 }, 'a memory limit is a number of bytes'],
    [{ Memory: -1 }, 'a memory limit is a number of bytes'],
  ])('%o is refused', (request, message) => {
    expect(refusal(() => planMemory(request))).toBe(message)
  })
})
