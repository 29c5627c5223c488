/** The body of an update, from its flags: new limits, a new restart policy. */
import { parseRestart } from '../spec/restart.ts'
import { LIMIT_OPTIONS, RESTART_OPTION, makeLimits } from './limit-options.ts'
import { badFlag, type Values } from './options.ts'

export const UPDATE_OPTIONS = { ...LIMIT_OPTIONS, restart: RESTART_OPTION } as const

export const makeUpdateBody = (values: Values<typeof UPDATE_OPTIONS>) => {
  const { restart } = values
  const body = { ...makeLimits(values), ...(restart === undefined ? {} : { RestartPolicy: parseRestart(restart) }) }
  if (Object.keys(body).length === 0)
    throw badFlag('glasspod update: no limit and no policy is given', 'glasspod update --memory 128m NAME')
  return body
}
