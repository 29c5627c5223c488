/** Promise: of the steps of a transfer some are told, and what came last before a stall is among them. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { throttled } from '../../../images/throttle.ts'

const INTERVAL = 50

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

const listen = () => {
  const told: string[] = []
  return { told, ...throttled<string>((state, current) => told.push(`${state} ${current}`)) }
}

test('every change of state at once, of the steps within one the last', () => {
  const { told, tell } = listen()
  tell('downloading', 0)
  for (const current of [1, 2, 3]) tell('downloading', current)
  expect(told).toEqual(['downloading 0'])
  vi.advanceTimersByTime(INTERVAL)
  expect(told).toEqual(['downloading 0', 'downloading 3'])
  vi.advanceTimersByTime(10 * INTERVAL)
  tell('downloading', 4)
  tell('downloading', 5)
  tell('done', 6)
  expect(told.slice(2)).toEqual(['downloading 4', 'done 6'])
  vi.advanceTimersByTime(10 * INTERVAL)
  expect(told).toHaveLength(4)
})

test('a flow is told of at its pace, not put off', () => {
  const { told, tell } = listen()
  for (let current = 0; current < 100; current++) {
    tell('downloading', current)
    vi.advanceTimersByTime(INTERVAL / 5)
  }
  expect(told.length).toBeGreaterThanOrEqual(19)
  expect(told.length).toBeLessThanOrEqual(22)
})

test('nothing after it was stopped', () => {
  const { told, tell, stop } = listen()
  tell('downloading', 0)
  tell('downloading', 1)
  stop()
  vi.advanceTimersByTime(10 * INTERVAL)
  expect(told).toEqual(['downloading 0'])
})
