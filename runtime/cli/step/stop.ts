/** One stop before a step: it is shown, keys are taken, and one of them decides how it goes on. */
import type { TraceEvent } from '../api.ts'
import type { Numbered } from '../explain/steps.ts'
import type { View } from '../explain/text.ts'
import { findNearest } from '../nearest.ts'
import { write, type STDERR, type STDOUT } from '../output.ts'
import { ENTER, LATE, type Keys } from './keys.ts'
import { readLine } from './line.ts'
import { showPages } from './pager.ts'
import { formatMoment, formatState, HELP, KEYS } from './screen.ts'

export type Question = Extract<TraceEvent, { before: number }>

export type Decision = { go: 'on' } | { go: 'leave' } | { go: 'to'; id: string }

export interface Stop {
  question: Question
  found: Numbered
  /** The process that goes on here, where it is another than before. */
  entered: string | undefined
}

/** What outlives a stop. */
export interface Stage {
  keys: Keys
  view: View
  /** Where the screens go. */
  out: typeof STDERR | typeof STDOUT
  /** Ids of the steps that come before the command runs, in their order. */
  plan: () => Promise<readonly string[]>
  /** Opens a shell where this stop is; absent where there is nothing to be in. */
  shell?: ((stop: Stop) => Promise<void>) | undefined
  /** It goes on by itself after so many seconds. */
  seconds: number
  playing: boolean
}

/** Undefined: said what is wrong. */
const chooseTarget = async (typed: string, { plan, out }: Stage, { found }: Stop): Promise<string | undefined> => {
  if (typed === '') return undefined
  const ids = await plan()
  if (ids.includes(typed)) return typed
  const nearest = findNearest(typed, ids)
  const said =
    typed === found.step.id
      ? `${typed} is the next one: Enter makes it`
      : `no step ahead is called ${typed}${nearest === undefined ? '' : `: did you mean ${nearest}?`}`
  write(out, `${said}\n`)
  return undefined
}

/** The next key; while it plays, a pause without one is an Enter, and any key ends the playing. */
const nextKey = async (stage: Stage): Promise<string | undefined> => {
  if (!stage.playing) return stage.keys.next()
  const key = await stage.keys.next(stage.seconds * 1000)
  if (key === LATE) return ENTER
  stage.playing = false
  // It has stopped the playing; only those that ask for something more do more.
  return key === undefined || ['q', 'g', 's', '!', '?'].includes(key.slice(0, 1)) ? key : ''
}

export const stopAt = async (stop: Stop, stage: Stage): Promise<Decision> => {
  const { keys, view, out } = stage
  const say = (text: string) => write(out, `${text}\n`)
  const ask = () => {
    if (!stage.playing) say(view.paint(2, KEYS))
  }
  const show = () => say(formatMoment(stop.question, stop.found, view, stop.entered))
  show()
  ask()
  try {
    for (;;) {
      const key = await nextKey(stage)
      if (key === undefined || key === 'q') return { go: 'leave' }
      if (key === ENTER || key === 'n') return { go: 'on' }
      if (key === 'a') {
        stage.playing = true
        return { go: 'on' }
      }
      if (key.startsWith('g')) {
        const typed = keys.isTerminal ? await readLine(stage, 'go to step: ', await stage.plan()) : key.slice(1).trim()
        if (typed === undefined) return { go: 'leave' }
        const id = await chooseTarget(typed, stage, stop)
        if (id !== undefined) return { go: 'to', id }
      } else if (key === 's') {
        if (!(await showPages(formatState(stop.question, view), stage))) return { go: 'leave' }
        if (keys.isTerminal) show()
      } else if (key === '!') {
        if (!keys.isTerminal) say('! needs a terminal: the keys come from a pipe')
        else if (stage.shell === undefined) say('a recording has no process to open a shell in')
        else await keys.lend(() => stage.shell?.(stop) ?? Promise.resolve())
        if (keys.isTerminal) show()
      } else if (key !== '') say(HELP)
      ask()
    }
  } finally {
    keys.rest()
  }
}
