/** One stop before a step: it is shown, keys are taken, and one of them decides how it goes on. */
import { findNearest } from '../nearest.ts'
import { write } from '../output.ts'
import { ENTER, LATE } from './keys.ts'
import { readLine } from './line.ts'
import { showPages } from './pager.ts'
import { formatMoment, formatState, HELP, KEYS } from './screen.ts'
import type { Stage, Stop } from './stage.ts'

export type Decision = { go: 'on' } | { go: 'leave' } | { go: 'to'; id: string }

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
