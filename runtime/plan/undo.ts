/** What undoes steps, the last first: a plan like any other. */
import type { Step } from './step.ts'

export const planUndo = (steps: readonly Step[]): Step[] =>
  steps.toReversed().flatMap(({ undo }) => (undo === undefined ? [] : [undo]))
