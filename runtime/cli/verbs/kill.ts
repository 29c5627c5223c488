import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    signal: { type: 'string', short: 's', metavar: 'SIGNAL', about: 'name or number (default KILL)' },
  },
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod kill -s HUP web',
  async run({ options, operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, (name) =>
      client.post<undefined>(`/containers/${segment(name)}/kill`, { query: { signal: options.signal } }),
    )
  },
})
