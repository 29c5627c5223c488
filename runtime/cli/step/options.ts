/** `--step` and what goes with it, of the verbs that make something step by step. */
import { badFlag } from '../options.ts'

export const STEP_OPTIONS = {
  step: {
    type: 'optional',
    metavar: 'auto[:SECONDS]',
    about: 'stop before each step, show what the last one changed, wait for a key; auto: go on by itself',
  },
} as const

/** Of --step=auto alone. */
const SECONDS = 3
/** A day: setTimeout(3) of Node takes 24 of them. */
const MOST = 86_400

/** How it goes on: by keys, or by itself after so many seconds. */
export const parseStep = (text: string): { playing: boolean; seconds: number } => {
  if (text === '') return { playing: false, seconds: SECONDS }
  const [, seconds] = /^auto(?::(\d{1,5}(?:\.\d{1,3})?))?$/.exec(text) ?? []
  if (!text.startsWith('auto') || (text !== 'auto' && seconds === undefined) || Number(seconds ?? 0) > MOST)
    throw badFlag(`--step=${text}: it takes nothing, auto, or auto:SECONDS (0 to ${MOST})`, '--step=auto:5')
  return { playing: true, seconds: seconds === undefined ? SECONDS : Number(seconds) }
}
