import { createInterface } from 'node:readline/promises'
import { Failure } from '../../errors.ts'
import { print } from '../output.ts'
import { NO_OPERANDS, defineVerb } from '../verb.ts'

/** Asks on a terminal; elsewhere nobody can answer, and silence is no consent. */
const confirm = async (root: string): Promise<boolean> => {
  if (!process.stdin.isTTY) {
    throw new Failure(`reset ${root}: not without --force, where standard input is no terminal`, {
      id: 'system.reset',
      try: 'glasspod system reset --force',
    })
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await lines.question(`Remove all containers, pods and images below ${root}? [y/N] `)
  lines.close()
  return /^y(es)?$/i.test(answer.trim())
}

export const verb = defineVerb({
  options: {
    force: { type: 'boolean', short: 'f', about: 'do not ask' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod system reset --force',
  exitCodes: { '0': 'done', '1': 'the answer was no', '125': 'glasspod could not do it' },
  async run({ options: { force }, root, runningAgent }) {
    if (!force && !(await confirm(root))) return 1
    const client = await runningAgent()
    await client?.post('/glasspod/agent/stop', { query: { force: true, t: 0 } })
    const { resetRoot } = await import('../../rootless/reset.ts')
    await resetRoot(root)
    print(`reset: ${root}`)
    return 0
  },
})
