import { defineVerb } from '../verb.ts'
import { INSPECT_FORMAT, inspectAll } from './inspect.ts'

export const verb = defineVerb({
  options: { format: INSPECT_FORMAT },
  operands: { usage: 'POD [POD...]', min: 1, max: Infinity },
  example: 'glasspod pod inspect shop',
  async run({ options: { format }, operands, agent }) {
    return inspectAll(agent, { names: operands, types: ['pod'], format })
  },
})
