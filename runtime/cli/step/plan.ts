/** Where a plan stops: what `go to` can name. */
import type { ExplainedStep } from '../api.ts'

/** What is made at once, and by a process that is still heard of. */
export const listStops = (steps: readonly ExplainedStep[]): string[] => [
  ...new Set(
    steps
      .filter(({ when }) => when === undefined || when === 'now')
      .flatMap(({ id, inside = [] }) => [id, ...inside.flatMap((inner) => (inner.unheard === true ? [] : [inner.id]))]),
  ),
]
