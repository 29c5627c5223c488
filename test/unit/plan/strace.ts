/** A plan as its lines of strace, each behind the step that it belongs to: what a diff of a plan should read as. */
import type { Call } from '../../../runtime/init/call.ts'
import { formatCall } from '../../../runtime/plan/strace.ts'

/** `label:` before the call that has it; `?EXDEV` after one that may fail so, `-> label` where it then goes. */
export const strace = (calls: readonly Call[]): string =>
  calls
    .map((call) => {
      const { label, tolerate, onError, onZero } = call
      const errors = tolerate === undefined ? '' : ` ?${typeof tolerate === 'string' ? tolerate : tolerate.join('|')}`
      const to = onError === undefined ? '' : ` -> ${onError}`
      const zero = onZero === undefined || call.call === 'jump' ? '' : ` 0 -> ${onZero}`
      return `${label === undefined ? '' : `${label}: `}${formatCall(call)}${errors}${to}${zero}`
    })
    .join('\n')

export const ids = (calls: readonly { id: string }[]): string[] =>
  calls.map(({ id }) => id).filter((id, index, all) => all[index - 1] !== id)
