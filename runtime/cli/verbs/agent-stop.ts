import { print } from '../output.ts'
import { NO_OPERANDS, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    force: { type: 'boolean', short: 'f', about: 'stop running containers too' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod agent stop --force',
  async run({ options: { force }, root, runningAgent }) {
    const client = await runningAgent()
    if (client === undefined) return print(`agent: does not run (root ${root})`)
    await client.post('/glasspod/agent/stop', { query: { force } })
    // What the agent cannot do to itself: it sits in the cgroup that is to go, below the holder.
    const { killNode } = await import('../../rootless/kill-node.ts')
    await killNode(root)
    print('agent: stopped')
  },
})
