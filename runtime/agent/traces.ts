/**
 * Who watches a command as it is carried out. The command line opens a stream under a name of its choice and gives the
 * name with each request of that command; what those requests do is told on the stream, a line of JSON an event.
 */
import { Failure } from '../errors.ts'
import type { Watch } from '../execute.ts'
import { groupCalls } from '../plan/groups.ts'
import { leaveOut } from '../plan/without.ts'
import { explainSteps, type ExplainedStep } from '../see/explain.ts'
import { describeError } from './http.ts'
import { Stepping, type Answer, type Moment } from './stepping.ts'

/** Lists and steps are numbered from 0; `group` is a step of an init program. */
export type TraceEvent =
  | { list: number; steps: ExplainedStep[] }
  | { list: number; began: number }
  /** Waits for an answer; `group` is a step of an init program. */
  | ({ list: number; before: number; group?: number } & Moment)
  | { list: number; done: number; micros: number }
  | { list: number; done: number; group: number; micros: number }
  /** Made too, but by a process that reports no times: it has become what it was to become, or closed its reports. */
  | { list: number; done: number; group: number }
  | { list: number; failed: number; id?: string; message: string }

/** Who listens. */
interface Listener {
  send: (event: TraceEvent) => void
  end: () => void
  /** It is asked before each step, and its end is an answer too. */
  step: boolean
  /** Ids of steps that are not made. */
  without: ReadonlySet<string>
}

export class Traces {
  private readonly all = new Map<string, { watch: Watch; stepping: Stepping | undefined; end: () => void }>()

  /** Until the returned is called. */
  open(token: string, { send, end, step, without }: Listener): () => void {
    if (this.all.has(token)) throw new Failure('a trace of that name is open', { id: 'trace.name', status: 409 })
    let lists = 0
    let open = true
    const stepping = step ? new Stepping() : undefined
    const tell = (event: TraceEvent) => {
      if (open) send(event)
    }
    const watch: Watch = (planned) => {
      const steps = leaveOut(planned, without)
      const list = lists++
      const heard = new Map<number, Set<number>>()
      tell({ list, steps: explainSteps(steps) })
      return {
        steps,
        began: (step) => tell({ list, began: step }),
        before:
          stepping &&
          ((step, inside) =>
            stepping.ask(idOf(steps[step], inside?.group), inside, (moment) =>
              tell({ list, before: step, ...(inside === undefined ? {} : { group: inside.group }), ...moment }),
            )),
        innerDone: (step, { group, micros }) => {
          heard.set(step, (heard.get(step) ?? new Set()).add(group))
          tell({ list, done: step, group, micros: Math.round(micros) })
        },
        done: (step, micros) => {
          for (const group of unheard(steps[step], heard.get(step))) tell({ list, done: step, group })
          stepping?.done(steps[step]?.id ?? '')
          tell({ list, done: step, micros: Math.round(micros) })
        },
        failed: (step, error) => {
          stepping?.failed()
          const { message, id } = describeError(error).body as { message: string; id?: string }
          tell({ list, failed: step, message, ...(id === undefined ? {} : { id }) })
        },
      }
    }
    const close = () => {
      open = false
      this.all.delete(token)
      stepping?.leave()
    }
    this.all.set(token, {
      watch,
      stepping,
      end: () => {
        close()
        end()
      },
    })
    return close
  }

  find(token: string | null): Watch | undefined {
    return token === null ? undefined : this.all.get(token)?.watch
  }

  /** To the step that waits. */
  answer(token: string, answer: Answer): void {
    if (this.all.get(token)?.stepping?.answer(answer) === true) return
    throw new Failure('no step of that trace waits for an answer', { id: 'trace.step', status: 409 })
  }

  /** All that was asked for is done. */
  end(token: string): void {
    this.all.get(token)?.end()
  }
}

const idOf = (step: Parameters<Watch>[0][number] | undefined, group: number | undefined): string =>
  (step?.kind === 'enter' && group !== undefined ? groupCalls(step.inside)[group]?.id : step?.id) ?? ''

/** The program has become what it was to become, so its last step is made, which cannot say so. */
const unheard = (step: Parameters<Watch>[0][number] | undefined, heard: ReadonlySet<number> = new Set()): number[] => {
  if (step?.kind !== 'enter') return []
  const groups = groupCalls(step.inside)
  const last = groups.findLastIndex(({ process }) => process !== 'whoever failed')
  return last < 0 || heard.has(last) ? [] : [last]
}
