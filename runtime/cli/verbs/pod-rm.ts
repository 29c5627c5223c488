import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName, REMOVAL_CODES } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    force: { type: 'boolean', short: 'f', about: 'with running containers too: they are killed' },
  },
  operands: { usage: 'POD [POD...]', min: 1, max: Infinity },
  example: 'glasspod pod rm -f shop',
  async run({ options: { force }, operands, agent }) {
    const client = await agent()
    const remove = (name: string) => client.delete<undefined>(`/glasspod/pods/${segment(name)}`, { force })
    return forEachName(client, operands, remove, REMOVAL_CODES)
  },
})
