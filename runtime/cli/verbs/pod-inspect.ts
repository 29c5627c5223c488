import { defineVerb } from '../verb.ts'
import { inspectAll } from './inspect.ts'

export const verb = defineVerb({
  options: {},
  operands: { usage: 'POD [POD...]', min: 1, max: Infinity },
  example: 'glasspod pod inspect shop',
  async run({ operands, agent }) {
    return inspectAll(await agent(), operands, ['pod'])
  },
})
