/** Progress for people: every change of state, but of the many steps within one only some. */

/** Milliseconds between two events of one state. */
const INTERVAL = 50

export type Report<State> = (state: State, current: number) => void

export const throttled = <State>(report: Report<State>): Report<State> => {
  let last: State | undefined
  let at = 0
  return (state, current) => {
    const now = Date.now()
    if (state === last && now - at < INTERVAL) return
    last = state
    at = now
    report(state, current)
  }
}
