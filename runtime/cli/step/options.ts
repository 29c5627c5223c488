/** `--step` and what goes with it, of the verbs that make something step by step. */
import { badFlag } from '../options.ts'

export const STEP_OPTIONS = {
  record: { type: 'string', metavar: 'FILE', about: 'with --step: keep what it shows, for glasspod replay FILE' },
  step: {
    type: 'optional',
    metavar: 'auto[:SECONDS]',
    about: 'stop before each step, show what the last one changed, wait for a key; auto: go on by itself',
  },
} as const

/** Of a container that is made: what it lacks then is felt by nobody else. */
export const WITHOUT_OPTION = {
  type: 'list',
  metavar: 'STEP-ID',
  about: 'with --step: leave that step out, to feel why it is there',
} as const

/** What only --step knows what to do with. */
export const assertStepped = (options: object): void => {
  const { record, without } = options as Record<string, unknown>
  const flag =
    record !== undefined ? '--record' : Array.isArray(without) && without.length > 0 ? '--without' : undefined
  if (flag !== undefined) throw badFlag(`${flag} goes with --step, and --step is missing`, `--step ${flag} ...`)
}

/** Where nothing else is said. */
export const DEFAULT_SECONDS = 3
/** A day: a timer of Node takes 24 of them. */
const MOST = 86_400

/** @param flag with what stands before its value. */
export const parseSeconds = (flag: string, text: string): number => {
  if (!/^\d{1,5}(\.\d{1,3})?$/.test(text) || Number(text) > MOST)
    throw badFlag(`${flag}${text}: seconds are a number from 0 to ${MOST}`, `${flag}5`)
  return Number(text)
}

/** How it goes on: by keys, or by itself after so many seconds. */
export const parseStep = (text: string): { playing: boolean; seconds: number } => {
  if (text === '') return { playing: false, seconds: DEFAULT_SECONDS }
  const [word, seconds] = text.split(':', 2)
  if (word !== 'auto') throw badFlag(`--step takes nothing, auto, or auto:SECONDS, not "${text}"`, '--step=auto')
  return { playing: true, seconds: seconds === undefined ? DEFAULT_SECONDS : parseSeconds('--step=auto:', seconds) }
}
