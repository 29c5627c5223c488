import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: EXPLAIN_OPTIONS,
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod pause web',
  async run({ operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, (name) => client.post<undefined>(`/containers/${segment(name)}/pause`))
  },
})
