/**
 * Progress for people: every change of state, but of the many steps within one only some; the last before a stall
 * is among them.
 */

/** Milliseconds between two events of one state. */
const INTERVAL = 50

export type Report<State> = (state: State, current: number) => void

export interface Throttled<State> {
  readonly tell: Report<State>
  /** Nothing is reported any more: who hears it may be gone. */
  readonly stop: () => void
}

export const throttled = <State>(report: Report<State>): Throttled<State> => {
  let last: State | undefined
  let at = -INTERVAL
  let later: NodeJS.Timeout | undefined
  const stop = (): void => clearTimeout(later)
  const tell: Report<State> = (state, current) => {
    stop()
    const early = state === last ? at + INTERVAL - performance.now() : 0
    if (early > 0) {
      later = setTimeout(tell, Math.ceil(early), state, current)
      return
    }
    last = state
    at = performance.now()
    report(state, current)
  }
  return { tell, stop }
}
