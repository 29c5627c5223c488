import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    time: { type: 'integer', short: 't', metavar: 'SECONDS', about: 'before they are killed (default 10)' },
  },
  operands: { usage: 'POD [POD...]', min: 1, max: Infinity },
  example: 'glasspod pod stop -t 2 shop',
  async run({ options, operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      await client.post(`/glasspod/pods/${segment(name)}/stop`, { query: { t: options.time } })
    })
  },
})
