import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { parseSignal, signalName, signalNumber } from '../../../runtime/spec/signals.ts'
import { refusal } from '../kernel/refusal.ts'

test.each([
  ['SIGTERM', 15],
  ['TERM', 15],
  ['term', 15],
  ['15', 15],
  [' sigkill ', 9],
  ['CLD', 17],
  ['SIGIOT', 6],
  ['POLL', 29],
  ['RTMIN', 34],
  ['RTMIN+1', 35],
  ['SIGRTMIN+30', 64],
  ['SIGRTMAX-2', 62],
  ['RTMAX', 64],
  ['RTMAX-30', 34],
  ['64', 64],
])('%s is %d', (word, number) => {
  expect(parseSignal(word)).toBe(number)
})

test.each([
  '',
  'SIG',
  '0',
  '65',
  '-9',
  '9.0',
  '1e1',
  'TERMINATE',
  'RTMIN+31',
  'RTMAX-31',
  'RTMIN-1',
  'constructor',
  '015x',
])('%j is refused', (word) => {
  expect(refusal(() => parseSignal(word))).toBe(`invalid signal: ${word}`)
})

test('the names and numbers are those of this machine', () => {
  for (const [name, number] of Object.entries(constants.signals))
    expect([name, parseSignal(name)]).toEqual([name, number])
})

test('every number has a name that reads back', () => {
  for (let number = 1; number <= 64; number++)
    if (number !== 32 && number !== 33) expect(parseSignal(signalName(number))).toBe(number)
  expect([signalName(15), signalName(35), signalName(32)]).toEqual(['SIGTERM', 'SIGRTMIN+1', 'SIG32'])
  expect(signalNumber('SIGCHLD')).toBe(17)
})
