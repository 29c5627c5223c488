/** The steps of a trace, as they become known, and how each came out. */
import type { ExplainedStep } from '../api.ts'
import type { Outcome } from './text.ts'

export interface Numbered {
  step: ExplainedStep
  number: string
  index: number
  inner?: number
}

/** Steps of all lists, numbered through. */
export class Steps {
  readonly all: ExplainedStep[] = []
  readonly outcomes = new Map<string, Outcome>()
  private readonly first: number[] = []

  add(steps: readonly ExplainedStep[]): void {
    this.first.push(this.all.length)
    this.all.push(...steps)
  }

  find(list: number, at: number, inner?: number): Numbered | undefined {
    const index = (this.first[list] ?? 0) + at
    const outer = this.all[index]
    const step = inner === undefined ? outer : outer?.inside?.[inner]
    if (step === undefined) return undefined
    const number = `${index + 1}${inner === undefined ? '' : `.${inner + 1}`}`
    return { step, number, index, ...(inner === undefined ? {} : { inner }) }
  }
}
