import { defineVerb } from '../verb.ts'
import { inspectAll } from './inspect.ts'

export const verb = defineVerb({
  options: {},
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod image inspect busybox:1.36',
  async run({ operands, agent }) {
    return inspectAll(await agent(), operands, ['image'])
  },
})
