import { badFlag } from '../options.ts'
import type { ContainerSummary } from '../api.ts'
import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName, REMOVAL_CODES } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    all: { type: 'boolean', short: 'a', about: 'all containers' },
    force: { type: 'boolean', short: 'f', about: 'running ones too: they are killed' },
  },
  operands: { usage: '[CONTAINER...]', min: 0, max: Infinity },
  example: 'glasspod rm -f web',
  async run({ options: { all, force }, operands, agent }) {
    if (all === operands.length > 0) {
      throw badFlag(all ? '--all needs no names' : 'glasspod rm: CONTAINER is missing', 'glasspod rm --help')
    }
    const client = await agent()
    const names = all
      ? (await client.get<ContainerSummary[]>('/containers/json', { all: true })).map(({ Id }) => Id)
      : operands
    const remove = (name: string) => client.delete<undefined>(`/containers/${segment(name)}`, { force })
    return forEachName(client, names, remove, REMOVAL_CODES)
  },
})
