import { acrossAgents } from '../across-agents.ts'
import { readExitCode } from '../attached.ts'
import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {},
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod wait web',
  async run({ operands, agent }) {
    const client = await agent()
    const wait = (name: string) =>
      client.post(`/containers/${segment(name)}/wait`, { query: { condition: 'not-running' } })
    return forEachName(client, operands, async (name) =>
      readExitCode(await acrossAgents(client, () => wait(name))).toString(),
    )
  },
})
