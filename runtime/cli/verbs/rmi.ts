import { segment } from '../client.ts'
import { forEachName, REMOVAL_CODES } from '../each.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import type { RemovedName } from '../api.ts'
import { formatRemoved } from './image-prune.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    force: { type: 'boolean', short: 'f', about: 'all names of it, and where a container uses it its names' },
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod rmi busybox:1.36',
  async run({ options: { force }, operands, agent }) {
    const client = await agent()
    const remove = async (name: string) =>
      formatRemoved(await client.delete<RemovedName[]>(`/images/${segment(name)}`, { force }))
    return forEachName(client, operands, remove, REMOVAL_CODES)
  },
})
