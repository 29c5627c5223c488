import { defineVerb } from '../verb.ts'
import { INSPECT_FORMAT, inspectAll } from './inspect.ts'

export const verb = defineVerb({
  options: { format: INSPECT_FORMAT },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod image inspect busybox:1.36',
  async run({ options: { format }, operands, agent }) {
    return inspectAll(agent, { names: operands, types: ['image'], format })
  },
})
