/** Somebody goes through a command step by step: asked before each, until the process runs that all was made for. */
import type { Before } from '../plan/report.ts'
import { compareStates, readState, type Change, type KernelState } from '../see/step/state.ts'

/** What is told of a moment between two steps. */
export interface Moment {
  /** The process that is being made; absent while none is. */
  pid?: number
  /** Absent too where nobody can read it. */
  state?: KernelState
  /** What became different since the last moment; for a program's first, in what it differs from the agent. */
  changes: Change[]
}

/** `go` with an id: until that step is the next, nobody is asked. */
export type Answer = { go: true; to?: string | undefined } | { go: false }

/** What changes flags, addresses and sysctls. */
const NETWORK = /^(net|network|uts|pod|pause)\./

/** After these the command itself runs, and what follows is its end. */
const LAST = ['container.init', 'exec.init']

export class Stepping {
  /** `leaving`: who asked is gone, and the next question answers itself. */
  private mode: 'ask' | 'leaving' | 'over' = 'ask'
  private readonly waiting: ((go: boolean) => void)[] = []
  private pid: number | undefined
  private state: KernelState | undefined
  /** Another program has begun since: it is compared with the agent, whose child it is. */
  private fresh = false
  /** Something was made since that changes the network. */
  private touched = false
  private last = ''
  private target: string | undefined

  /** True: make it. */
  ask(id: string, inside: Before | undefined, tell: (moment: Moment) => void): Promise<boolean> {
    if (inside !== undefined) this.pid = inside.pid
    this.fresh ||= inside?.group === 0
    this.touched ||= NETWORK.test(this.last)
    this.last = id
    if (this.mode === 'over') return Promise.resolve(true)
    if (this.mode === 'leaving') {
      this.mode = 'over'
      return Promise.resolve(false)
    }
    if (this.target !== undefined && this.target !== id) return Promise.resolve(true)
    this.target = undefined
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      void this.observe().then(tell)
    })
  }

  /** False: nobody asks. */
  answer(answer: Answer): boolean {
    const asked = this.waiting.shift()
    if (asked === undefined) return false
    // What is made is taken back, and nobody is asked whether.
    if (!answer.go) this.mode = 'over'
    else this.target = answer.to
    asked(answer.go)
    return true
  }

  private async observe(): Promise<Moment> {
    const known = this.fresh || this.touched ? undefined : this.state
    const state = this.pid === undefined ? undefined : await readState(this.pid, known)
    const last = this.fresh ? await readState('self') : this.state
    this.fresh = this.touched = false
    this.state = state
    if (this.pid === undefined) return { changes: [] }
    if (state === undefined) return { pid: this.pid, changes: [] }
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
    this.target = undefined
    if (this.mode === 'over' || this.answer({ go: false })) return
    this.mode = 'leaving'
  }
}
