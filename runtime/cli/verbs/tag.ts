import { segment } from '../client.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {},
  operands: { usage: 'IMAGE NAME[:TAG] [NAME[:TAG]...]', min: 2, max: Infinity },
  example: 'glasspod tag busybox:1.36 registry.example.com/tools/busybox:1',
  async run({ operands: [image = '', ...names], agent }) {
    const client = await agent()
    for (const repo of names) await client.post(`/images/${segment(image)}/tag`, { query: { repo } })
  },
})
