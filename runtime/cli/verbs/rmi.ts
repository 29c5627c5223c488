import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import type { RemovedName } from '../api.ts'
import { formatRemoved } from './image-prune.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    force: { type: 'boolean', short: 'f', about: 'all names of it, and where a container uses it its names' },
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod rmi busybox:1.36',
  async run({ options: { force }, operands, agent }) {
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      const removed = await client.delete<RemovedName[]>(`/images/${segment(name)}`, { force })
      return formatRemoved(removed)
    })
  },
})
