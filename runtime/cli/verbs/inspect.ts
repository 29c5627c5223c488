import { Failure, isFailure } from '../../errors.ts'
import { type Client, segment } from '../client.ts'
import { badFlag } from '../options.ts'
import { print, printJson } from '../output.ts'
import { reportError } from '../report.ts'
import { parseFormat, renderTemplate } from '../template.ts'
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

export const INSPECT_FORMAT = {
  type: 'string',
  short: 'f',
  metavar: 'FORMAT',
  about: "json, or a template as '{{.Id}}'",
} as const

interface Inspection {
  readonly names: readonly string[]
  readonly types: readonly string[]
  readonly format: string | undefined
}

/** A JSON array of what was found, on standard output, or a line each by the template; what was not, as errors. */
export const inspectAll = async (
  agent: () => Promise<Client>,
  { names, types, format = 'json' }: Inspection,
): Promise<number> => {
  const template = parseFormat(format)
  if (template === 'table') throw badFlag('--format takes json, or a template as \'{{.Id}}\', not "table"')
  const client = await agent()
  const found: unknown[] = []
  let code = 0
  for (const name of names) {
    try {
      const facts = await inspectName(client, name, types)
      if (typeof template === 'string') found.push(facts)
      else print(renderTemplate(template, facts))
    } catch (error) {
      const failed = reportError(error, false)
      code = code === 0 ? failed : code
    }
  }
  if (typeof template === 'string') printJson(found)
  return code
}

export const verb = defineVerb({
  options: {
    format: INSPECT_FORMAT,
    type: { type: 'string', metavar: 'TYPE', choices: TYPES, about: `only a ${TYPES.join(', ')}` },
  },
  operands: { usage: 'NAME [NAME...]', min: 1, max: Infinity },
  example: 'glasspod inspect web',
  async run({ options: { format, type }, operands, agent }) {
    return inspectAll(agent, { names: operands, types: type === undefined ? TYPES : [type], format })
  },
})
