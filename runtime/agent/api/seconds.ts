/** `t` of stop and restart, as Docker has it: ten seconds where nobody says, and a negative number for ever. */
import { Failure } from '../../errors.ts'

export const secondsOf = (query: URLSearchParams): number => {
  const text = query.get('t') ?? ''
  if (text === '') return 10
  if (/^-?\d{1,9}$/.test(text)) return Number(text)
  throw new Failure(`invalid number of seconds: '${text}'`, { id: 'container.time', status: 400, exitCode: 125 })
}
