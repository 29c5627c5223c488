import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName } from '../each.ts'
import { STEP_OPTIONS } from '../step/options.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: { ...EXPLAIN_OPTIONS, ...STEP_OPTIONS },
  operands: { usage: 'POD [POD...]', min: 1, max: Infinity },
  example: 'glasspod pod start shop',
  async run({ operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      await client.post(`/glasspod/pods/${segment(name)}/start`)
    })
  },
})
