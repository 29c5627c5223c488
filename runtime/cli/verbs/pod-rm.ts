import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName } from '../each.ts'
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
    return forEachName(client, operands, async (name) => {
      await client.delete(`/glasspod/pods/${segment(name)}`, { force })
    })
  },
})
