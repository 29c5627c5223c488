import { print } from '../output.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: NO_OPERANDS,
  example: 'glasspod agent start',
  async run({ options: { format }, root, agent }) {
    // What nobody asks anything is not started.
    const client = await agent()
    await client.meet()
    print(format === 'json' ? JSON.stringify({ running: true, root }) : `agent: runs (root ${root})`)
  },
})
