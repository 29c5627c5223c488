/** The request that explains a verb, from what that verb was given: as it would send it, and the name the API has for it. */
import type { CallOptions, Query } from '../client.ts'
import type { CreateValues } from '../create-body.ts'
import { readSurroundings } from '../create.ts'
import { makeCreateRequest } from '../create-body.ts'
import type { EXEC_OPTIONS } from '../exec-body.ts'
import { makeExecBody } from '../exec-body.ts'
import { readManifest } from '../manifest.ts'
import type { Values } from '../options.ts'
import type { POD_OPTIONS } from '../pod-body.ts'
import { makePodBody } from '../pod-body.ts'
import { makeUpdateBody, type UPDATE_OPTIONS } from '../update-body.ts'

export type ExplainRequest = Required<Omit<CallOptions, 'headers'>>

/** Of verbs of one name: the flags that the plan depends on. */
const FLAGS: Record<string, Record<string, string>> = {
  stop: { t: 'time' },
  restart: { t: 'time' },
  play: { replace: 'replace' },
  down: { t: 'time' },
  kill: { signal: 'signal' },
  rm: { force: 'force' },
  rmi: { force: 'force' },
  'pod stop': { t: 'time' },
  'pod rm': { force: 'force' },
}

/** @param values as the verb's own table has them. */
export const makeExplainRequest = (name: string, values: object, operands: string[]): ExplainRequest => {
  const verb = name.replace(' ', '-')
  switch (name) {
    case 'run':
    case 'create': {
      const { query, body } = makeCreateRequest(values as CreateValues, operands, readSurroundings())
      return { query: { verb, ...query }, body }
    }
    case 'exec': {
      const [container, ...command] = operands
      const body = makeExecBody(values as Values<typeof EXEC_OPTIONS>, command, readSurroundings())
      return { query: { verb, name: container }, body }
    }
    case 'update':
      return { query: { verb, name: operands[0] }, body: makeUpdateBody(values as Values<typeof UPDATE_OPTIONS>) }
    case 'load': {
      const { input } = values as { input?: string }
      return { query: { verb, name: input === '-' ? undefined : input }, body: undefined }
    }
    case 'pod create':
      return { query: { verb }, body: makePodBody(values as Values<typeof POD_OPTIONS>) }
    default: {
      const flags = Object.entries(FLAGS[name] ?? {}).map(([key, flag]) => [key, (values as Query)[flag]])
      const query = { verb, ...(Object.fromEntries(flags) as Query) }
      return name === 'down' || name === 'play'
        ? { query, body: readManifest(operands[0] ?? '-') }
        : { query: { ...query, name: operands[0] }, body: undefined }
    }
  }
}
