/** Somebody goes through a command step by step: asked before each, until the process runs that all was made for. */
import type { Before } from '../plan/report.ts'
import { compareStates, readState, type Change, type KernelState } from '../see/step/state.ts'

/** What is told of a moment between two steps. */
export interface Moment {
  /** The process that is being made; absent while none is. */
  pid?: number
  state?: KernelState
  /** What became different since the last moment; for a program's first, in what it differs from the agent. */
  changes: Change[]
}

export type Answer = 'go' | 'leave'

/** After these the command itself runs, and what follows is its end. */
const LAST = ['container.init', 'exec.init']

export class Stepping {
  /** `leaving`: who asked is gone, and the next question answers itself. */
  private mode: 'ask' | 'leaving' | 'over' = 'ask'
  private readonly waiting: ((go: boolean) => void)[] = []
  private pid: number | undefined
  private state: KernelState | undefined

  /** True: make it. */
  ask(inside: Before | undefined, tell: (moment: Moment) => void): Promise<boolean> {
    if (this.mode === 'over') return Promise.resolve(true)
    if (this.mode === 'leaving') {
      this.mode = 'over'
      return Promise.resolve(false)
    }
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      tell(this.observe(inside))
    })
  }

  /** False: nobody asks. */
  answer(answer: Answer): boolean {
    const asked = this.waiting.shift()
    if (asked === undefined) return false
    // What is made is taken back, and nobody is asked whether.
    if (answer === 'leave') this.mode = 'over'
    asked(answer === 'go')
    return true
  }

  /** A step inside a program begins at its group 0: then it is compared with the agent, whose child it is. */
  private observe(inside: Before | undefined): Moment {
    if (inside !== undefined) this.pid = inside.pid
    const state = this.pid === undefined ? undefined : readState(this.pid)
    const last = inside?.group === 0 ? readState('self') : this.state
    this.state = state
    if (this.pid === undefined || state === undefined) return { changes: [] }
    return { pid: this.pid, state, changes: last === undefined ? [] : compareStates(last, state) }
  }

  done(id: string): void {
    if (LAST.includes(id)) this.mode = 'over'
  }

  failed(): void {
    this.mode = 'over'
  }

  /** Who answers is gone: as if they had left. */
  leave(): void {
    if (this.mode === 'over' || this.answer('leave')) return
    this.mode = 'leaving'
  }
}
