import { Failure, isFailure } from '../../errors.ts'
import { type Client, segment } from '../client.ts'
import { printJson } from '../output.ts'
import { reportError } from '../report.ts'
import { defineVerb } from '../verb.ts'

const PATHS: Record<string, string> = { container: '/containers', image: '/images', pod: '/glasspod/pods' }
const TYPES = Object.keys(PATHS)

/** The first kind that knows the name. */
export const inspectName = async (client: Client, name: string, types: readonly string[]): Promise<unknown> => {
  for (const type of types) {
    try {
      return await client.get(`${PATHS[type] ?? ''}/${segment(name)}/json`)
    } catch (error) {
      if (!isFailure(error) || error.facts.status !== 404 || types.length === 1) throw error
    }
  }
  throw new Failure(`no container, image or pod is called ${name}`, {
    id: 'inspect.unknown',
    try: 'glasspod ps -a, glasspod images, glasspod pod ps',
  })
}

/** A JSON array of what was found, on standard output; what was not, as errors. */
export const inspectAll = async (
  client: Client,
  names: readonly string[],
  types: readonly string[],
): Promise<number> => {
  const found: unknown[] = []
  let code = 0
  for (const name of names) {
    try {
      found.push(await inspectName(client, name, types))
    } catch (error) {
      const failed = reportError(error, false)
      code = code === 0 ? failed : code
    }
  }
  printJson(found)
  return code
}

export const verb = defineVerb({
  options: {
    type: { type: 'string', metavar: 'TYPE', choices: TYPES, about: `only a ${TYPES.join(', ')}` },
  },
  operands: { usage: 'NAME [NAME...]', min: 1, max: Infinity },
  example: 'glasspod inspect web',
  async run({ options: { type }, operands, agent }) {
    return inspectAll(await agent(), operands, type === undefined ? TYPES : [type])
  },
})
