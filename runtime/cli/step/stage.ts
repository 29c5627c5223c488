/** What a stop has to do with: the step that is asked about, and what outlives it: keys, a screen, the plan. */
import type { TraceEvent } from '../api.ts'
import type { Numbered } from '../explain/steps.ts'
import type { View } from '../explain/text.ts'
import type { STDERR, STDOUT } from '../output.ts'
import type { Keys } from './keys.ts'

export type Question = Extract<TraceEvent, { before: number }>

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
