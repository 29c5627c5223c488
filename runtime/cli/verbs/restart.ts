import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    time: { type: 'integer', short: 't', metavar: 'SECONDS', about: 'before it is killed (default 10)' },
  },
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod restart -t 2 web',
  async run({ options, operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, (name) =>
      client.post<undefined>(`/containers/${segment(name)}/restart`, { query: { t: options.time } }),
    )
  },
})
