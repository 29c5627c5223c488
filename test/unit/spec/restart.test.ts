import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkRestart, isFollowed, nextDelay, parseRestart } from '../../../runtime/spec/restart.ts'

const ended = (exitCode: number | undefined, restarts = 0, wasAsked = false) => ({ exitCode, restarts, wasAsked })

describe('restart policies', () => {
  test('are written as docker and podman write them', () => {
    expect(parseRestart('always')).toEqual({ Name: 'always', MaximumRetryCount: 0 })
    expect(parseRestart('on-failure:5')).toEqual({ Name: 'on-failure', MaximumRetryCount: 5 })
    expect(parseRestart('no')).toEqual({ Name: 'no', MaximumRetryCount: 0 })
  })

  test.each([
    ['often', "invalid restart policy: unknown policy 'often'"],
    ['on-failure:many', "invalid restart policy 'on-failure:many': the maximum retry count must be an integer"],
    ['on-failure:-1', "invalid restart policy 'on-failure:-1': the maximum retry count must be an integer"],
    ['on-failure:1:2', "invalid restart policy 'on-failure:1:2': the maximum retry count must be an integer"],
    ['always:3', "invalid restart policy: maximum retry count cannot be used with 'always'"],
  ])('%s is refused', (text, sentence) => {
    expect(() => parseRestart(text)).toThrow(sentence)
  })

  test('and --rm exclude each other', () => {
    expect(() => checkRestart({ Name: 'always' }, true)).toThrow('conflicting options: --restart and --rm')
    expect(() => checkRestart({ Name: 'no' }, true)).not.toThrow()
  })

  test('of a client that counts in halves are refused', () => {
    expect(() => checkRestart({ Name: 'on-failure', MaximumRetryCount: 1.5 })).toThrow('maximum retry count')
  })

  test('say when a run is followed by another', () => {
    expect(isFollowed({ Name: 'always' }, ended(0))).toBe(true)
    expect(isFollowed({ Name: 'unless-stopped' }, ended(0))).toBe(true)
    expect(isFollowed({ Name: 'on-failure' }, ended(0))).toBe(false)
    expect(isFollowed({ Name: 'on-failure' }, ended(1, 1000))).toBe(true)
    expect(isFollowed({ Name: 'on-failure' }, ended(undefined))).toBe(true)
    expect(isFollowed({ Name: 'on-failure', MaximumRetryCount: 2 }, ended(1, 1))).toBe(true)
    expect(isFollowed({ Name: 'on-failure', MaximumRetryCount: 2 }, ended(1, 2))).toBe(false)
    expect(isFollowed({ Name: 'no' }, ended(1))).toBe(false)
    expect(isFollowed(undefined, ended(1))).toBe(false)
  })

  test('nobody starts again what somebody has stopped', () => {
    fc.assert(
      fc.property(fc.constantFrom('always', 'on-failure', 'unless-stopped'), fc.nat(255), (Name, code) => {
        expect(isFollowed({ Name }, ended(code, 0, true))).toBe(false)
      }),
    )
  })
})

describe('the wait before an attempt', () => {
  test('doubles up to a minute', () => {
    const waits = [nextDelay(undefined, 5)]
    for (let attempt = 1; attempt < 12; attempt++) waits.push(nextDelay(waits.at(-1), 5))
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  })

  test('begins anew after a run of ten seconds', () => {
    expect(nextDelay(51_200, 9999)).toBe(60_000)
    expect(nextDelay(51_200, 10_000)).toBe(100)
  })
})
