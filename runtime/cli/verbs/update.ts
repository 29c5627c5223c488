import type { Created } from '../api.ts'
import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { makeUpdateBody, UPDATE_OPTIONS } from '../update-body.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: { ...EXPLAIN_OPTIONS, ...UPDATE_OPTIONS },
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod update --memory 128m --pids-limit 50 web',
  async run({ options, operands, agent }) {
    const body = makeUpdateBody(options)
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      await client.post<Pick<Created, 'Warnings'>>(`/containers/${segment(name)}/update`, { body })
    })
  },
})
