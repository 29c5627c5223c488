/** Promise: the agent goes when it was idle for a while, and not while somebody waits for an answer. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { IdleTimer } from '../../../runtime/agent/idle-timer.ts'

const MS = 60_000
let isNeeded: boolean
let gone: number

const make = () => new IdleTimer({ ms: MS, isNeeded: () => isNeeded, onIdle: () => gone++ })

beforeEach(() => {
  vi.useFakeTimers()
  isNeeded = false
  gone = 0
})
afterEach(() => void vi.useRealTimers())

describe('an idle timer', () => {
  test('a request that takes longer than the wait is waited for, however short after another one it came', () => {
    const timer = make()
    timer.begin()()
    const end = timer.begin()
    vi.advanceTimersByTime(10 * MS)
    expect(gone).toBe(0)
    end()
    vi.advanceTimersByTime(MS - 1)
    expect(gone).toBe(0)
    vi.advanceTimersByTime(1)
    expect(gone).toBe(1)
  })

  test('one of two that has ended does not end the wait for the other', () => {
    const timer = make()
    const [first, second] = [timer.begin(), timer.begin()]
    first()
    vi.advanceTimersByTime(2 * MS)
    expect(gone).toBe(0)
    second()
    vi.advanceTimersByTime(MS)
    expect(gone).toBe(1)
  })

  test('a container that runs keeps it; its end begins the wait', () => {
    const timer = make()
    isNeeded = true
    timer.begin()()
    vi.advanceTimersByTime(2 * MS)
    expect(gone).toBe(0)
    isNeeded = false
    timer.look()
    vi.advanceTimersByTime(MS)
    expect(gone).toBe(1)
  })
})
