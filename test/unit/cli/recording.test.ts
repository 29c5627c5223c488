import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '../../../runtime/cli/api.ts'
import { parseRecording } from '../../../runtime/cli/step/recording.ts'
import { makePlan } from '../../../runtime/cli/step/plan.ts'
import { walkStops } from '../../../runtime/cli/step/walk.ts'

const HEAD = { recording: 'glasspod --step', version: 1, command: 'run busybox true' }
const STEP = { id: 'mounts.proc', why: 'Because.', man: 'proc(5)', text: 'mount', calls: [{ text: 'fsopen()' }] }
const EVENTS: TraceEvent[] = [
  { root: '/r' },
  { list: 0, steps: [{ ...STEP, id: 'container.init', inside: [STEP] }] },
  { list: 0, before: 0, changes: [] },
  {
    list: 0,
    before: 0,
    group: 0,
    pid: 7,
    state: { links: ['lo'] },
    changes: [{ about: 'links', gone: [], come: ['lo'] }],
  },
  { end: true },
]
const write = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')

describe('a recording', () => {
  test('is read as it was written', () => {
    expect(parseRecording('f', write(HEAD, ...EVENTS))).toEqual({ command: HEAD.command, events: EVENTS, whole: true })
    expect(parseRecording('f', write(HEAD, ...EVENTS.slice(0, -1))).whole).toBe(false)
  })

  test('without its end within a line, or with another line in it, is refused by that line', () => {
    const text = write(HEAD, ...EVENTS)
    for (let length = text.length - 1; length > 0; length--) {
      const cut = text.slice(0, length)
      if (!cut.endsWith('\n'))
        expect(() => parseRecording('f', cut)).toThrow(/^f: (the recording ends within line \d|no rec)/)
    }
    for (const line of [
      '',
      'x',
      'null',
      '[]',
      '{}',
      '{"list":0}',
      '{"list":0,"steps":[{"id":1}]}',
      '{"list":-1,"before":0,"changes":[]}',
    ])
      expect(() => parseRecording('f', `${write(HEAD)}${line}\n${write(...EVENTS)}`)).toThrow(
        'f: line 2 of the recording is damaged',
      )
  })

  test.each([
    ['', 'no recording'],
    ['{}\n', 'no recording'],
    [write({ ...HEAD, version: 2 }), 'of version 2'],
    ['\u007fELF', 'no recording'],
  ])('is not what begins with %j', (text, sentence) => expect(() => parseRecording('f', text)).toThrow(sentence))

  test('moves no cursor: control characters of the file do not reach the terminal', () => {
    const { events } = parseRecording('f', write(HEAD, { list: 0, failed: 0, message: 'a\u001b[2Jb\nc' }))
    expect(events).toEqual([{ list: 0, failed: 0, message: 'a?[2Jb\nc' }])
  })
})

test('its stops are those of the run, and say where another process goes on', async () => {
  const stops = []
  for await (const stop of walkStops(EVENTS, () => undefined)) stops.push([stop.found.number, stop.found.step.id])
  expect(stops).toEqual([
    ['1', 'container.init'],
    ['1.1', 'mounts.proc'],
  ])
})

test('ahead of a step is what comes after it, also where its id comes again', async () => {
  const plan = makePlan(() => Promise.resolve(['a', 'b', 'a', 'c']))
  plan.pass('a')
  expect(await plan.ahead()).toEqual(['b', 'a', 'c'])
  plan.pass('a')
  expect(await plan.ahead()).toEqual(['c'])
})
