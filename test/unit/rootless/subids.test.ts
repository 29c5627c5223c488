import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatFreeRange, parseSubids } from '../../../runtime/rootless/subid-ranges.ts'
import { mapArguments } from '../../../runtime/rootless/subids.ts'
import { failureOf } from './failure-of.ts'

const me = { user: 'ann', uid: 1000 }
const TEXT = `# comment
ann:100000:65536
bob:165536:65536
1000:300000:1000
annabel:1:1
ann:bad:65536
ann:400000
ann:500000:5:6
`

describe('subuid(5)', () => {
  test('ranges are found by name and by uid, in the order of the file; broken lines are passed over', () => {
    expect(parseSubids(TEXT, me)).toEqual([
      { start: 100_000, count: 65_536 },
      { start: 300_000, count: 1000 },
    ])
    expect(parseSubids(TEXT, { user: 'carl', uid: 7 })).toEqual([])
  })

  test('any text is read without an error', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseSubids(text, me))))
  })

  test('a free range lies behind all that are given', () => {
    expect(formatFreeRange('')).toBe('100000-165535')
    expect(formatFreeRange(TEXT, 'bob:600000:65536')).toBe('665536-731071')
  })
})

describe('arguments of unshare(1)', () => {
  const range = [{ start: 100_000, count: 65_536 }]
  const full = { ...me, subuids: range, subgids: range }

  test('with ranges: the caller is 0, the ranges follow', () => {
    expect(mapArguments(full)).toEqual({
      arguments: ['--user', '--map-root-user', '--map-auto'],
      mappedIds: 65_536,
      warning: undefined,
    })
  })

  test('as many ids as both files give', () => {
    expect(mapArguments({ ...full, subgids: [{ start: 5, count: 10 }] }).mappedIds).toBe(10)
  })

  test('without a range: one id, and what will not work', () => {
    const map = mapArguments({ ...me, subuids: [], subgids: range, freeRange: '700000-765535' })
    expect(map).toMatchObject({ arguments: ['--user', '--map-root-user'], mappedIds: 1 })
    expect(map.warning).toBe(
      'no range for ann in /etc/subuid: there is one id only, so files of an image that belong to others than root ' +
        'cannot be represented, and no process can become another user; try: sudo usermod --add-subuids ' +
        '700000-765535 --add-subgids 700000-765535 ann && glasspod system reset',
    )
  })

  test('without newuidmap: one id, and what to install', () => {
    const map = mapArguments({ ...full, missingHelpers: ['newuidmap', 'newgidmap'] })
    expect(map.mappedIds).toBe(1)
    expect(map.warning).toMatch(
      /^no newuidmap on this machine, no newgidmap on this machine: .*; try: sudo apt-get install .*uidmap/,
    )
  })

  test('host 0 is never mapped: not as the caller, not by a range', async () => {
    expect(() => mapArguments({ ...full, uid: 0, user: 'root' })).toThrow('host uid 0 must never be mapped')
    const { message, facts } = await failureOf(() => mapArguments({ ...full, subgids: [{ start: 0, count: 65_536 }] }))
    expect(message).toBe('/etc/subgid gives host id 0 to ann')
    expect(facts.id).toBe('rootless.subids')
  })
})
