import { describe, expect, test } from 'vitest'
import { parseMemorySize, planMemory } from '../../../runtime/spec/memory-size.ts'
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

describe('limits together', () => {
  test.each([
    [{}, {}],
    [{ memory: '0' }, {}],
    [{ memory: '6m' }, { limit: 6 * MiB, swap: 12 * MiB }],
    [
      { memory: '512m', swap: '0' },
      { limit: 512 * MiB, swap: 1024 * MiB },
    ],
    [
      { memory: '512m', swap: '-1' },
      { limit: 512 * MiB, swap: -1 },
    ],
    [
      { memory: '512m', swap: '512m' },
      { limit: 512 * MiB, swap: 512 * MiB },
    ],
    [{ swap: '-1' }, {}],
    [
      { memory: '512m', reservation: '256m' },
      { limit: 512 * MiB, swap: 1024 * MiB, reservation: 256 * MiB },
    ],
    [{ reservation: '256m' }, { reservation: 256 * MiB }],
  ])('%o', (request, resources) => {
    expect(planMemory(request)).toEqual(resources)
  })

  test.each([
    [{ memory: '5m' }, 'minimum memory limit allowed is 6MB'],
    [{ memory: '6291455' }, 'minimum memory limit allowed is 6MB'],
    [{ reservation: '1k' }, 'minimum memory reservation allowed is 6MB'],
    [{ memory: '10m', reservation: '11m' }, 'minimum memory limit can not be less than memory reservation limit'],
    [{ swap: '1g' }, 'you should always set the memory limit when using memoryswap limit'],
    [{ memory: '1g', swap: '512m' }, 'minimum memoryswap limit should be larger than memory limit'],
    [{ memory: '1g', swap: '-2' }, "invalid size: '-2'"],
  ])('%o is refused', (request, message) => {
    expect(refusal(() => planMemory(request))).toBe(message)
  })
})
