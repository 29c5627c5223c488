import { describeValue } from '../describe.ts'
import { print, printJson } from '../output.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

/** Starts no agent: who asks for versions may be about to find out why none starts. */
export const verb = defineVerb({
  options: { format: FORMAT },
  operands: NO_OPERANDS,
  example: 'glasspod version --format json',
  async run({ options: { format }, runningAgent }) {
    const client = await runningAgent()
    const version = {
      Client: { Version: __VERSION__, Build: __BUILD_ID__, Node: process.version },
      Agent: client === undefined ? null : await client.get<Record<string, unknown>>('/version'),
    }
    if (format === 'json') return printJson(version)
    print(describeValue({ ...version, Agent: version.Agent ?? 'does not run' }))
  },
})
