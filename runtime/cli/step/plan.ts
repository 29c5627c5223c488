/** Where a plan stops: what `go to` can name. */
import type { ExplainedStep } from '../api.ts'

/** What is made at once, and by a process that is still heard of. An id may come more than once. */
export const listStops = (steps: readonly ExplainedStep[]): string[] =>
  steps
    .filter(({ when }) => when === undefined || when === 'now')
    .flatMap(({ id, inside = [] }) => [id, ...inside.flatMap((inner) => (inner.unheard === true ? [] : [inner.id]))])

export interface Plan {
  /** This step is shown now; those before it are made. */
  pass: (id: string) => void
  /** Ids of the steps that are still to come. */
  ahead: () => Promise<string[]>
}

/** @param all in their order; asked for once, when somebody wants to know. */
export const makePlan = (all: () => Promise<readonly string[]>): Plan => {
  const passed: string[] = []
  let asked: Promise<readonly string[]> | undefined
  return {
    pass: (id) => void passed.push(id),
    ahead: async () => {
      const ids = await (asked ??= all())
      let at = -1
      for (const id of passed) {
        const next = ids.indexOf(id, at + 1)
        if (next >= 0) at = next
      }
      return ids.slice(at + 1)
    },
  }
}
