import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    force: { type: 'boolean', short: 'f', about: 'even where a stopped container uses it' },
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod rmi busybox:1.36',
  async run({ options: { force }, operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      const removed = await client.delete<Record<string, string>[]>(`/images/${segment(name)}`, { force })
      return removed.flatMap((item) => Object.entries(item).map(([what, id]) => `${what}: ${id}`)).join('\n')
    })
  },
})
