import { confirm } from '../confirm.ts'
import { print } from '../output.ts'
import { NO_OPERANDS, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    force: { type: 'boolean', short: 'f', about: 'do not ask' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod system reset --force',
  exitCodes: { '0': 'done', '1': 'the answer was no', '125': 'glasspod could not do it' },
  async run({ options: { force }, root, runningAgent }) {
    if (
      !force &&
      !(await confirm(`Remove all containers, pods and images below ${root}?`, 'glasspod system reset --force'))
    )
      return 1
    const client = await runningAgent()
    await client?.post('/glasspod/agent/stop', { query: { force: true, t: 0 } })
    const { resetRoot } = await import('../../rootless/reset.ts')
    await resetRoot(root)
    print(`reset: ${root}`)
    return 0
  },
})
