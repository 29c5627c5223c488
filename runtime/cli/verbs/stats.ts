import { isFailure } from '../../errors.ts'
import type { ContainerSummary, Statistics } from '../api.ts'
import { type Client, segment } from '../client.ts'
import { STDOUT, print, readColumns } from '../output.ts'
import { redraw } from '../redraw.ts'
import { formatStatistics, makeRow } from '../statistics.ts'
import { FORMAT, NO_TRUNC, defineVerb } from '../verb.ts'

/** Over a second: the agent takes two samples. */
const readOne = (client: Client, name: string): Promise<Statistics> =>
  client.get<Statistics>(`/containers/${segment(name)}/stats`, { stream: 'false' })

/** Those that are there now; one that goes meanwhile is left out. */
const readAll = async (client: Client, all: boolean): Promise<Statistics[]> => {
  const containers = await client.get<ContainerSummary[]>('/containers/json', { all })
  const answers = await Promise.all(
    containers.map(({ Id }) =>
      readOne(client, Id).catch((error: unknown) => {
        if (isFailure(error) && error.facts.status === 404) return undefined
        throw error
      }),
    ),
  )
  return answers.filter((answer) => answer !== undefined)
}

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'not only running ones' },
    format: FORMAT,
    'no-stream': { type: 'boolean', about: 'once, not every second' },
    'no-trunc': NO_TRUNC,
  },
  operands: { usage: '[CONTAINER...]', min: 0, max: Infinity },
  example: 'glasspod stats --no-stream',
  async run({ options, operands, agent }) {
    const client = await agent()
    await client.meet()
    const show = async () => {
      const statistics =
        operands.length === 0
          ? await readAll(client, options.all)
          : await Promise.all(operands.map((name) => readOne(client, name)))
      const rows = statistics.map(makeRow)
      return options.format === 'json'
        ? JSON.stringify(rows, null, 2)
        : formatStatistics(rows, options['no-trunc'], readColumns(STDOUT))
    }
    // JSON is for programs: whole, one below the other
    if (!options['no-stream']) return redraw(show, options.format !== 'json')
    print(await show())
    return 0
  },
})
