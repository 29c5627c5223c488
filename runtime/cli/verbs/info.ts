import { describeValue } from '../describe.ts'
import { print, printJson } from '../output.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: NO_OPERANDS,
  example: 'glasspod info',
  async run({ options: { format }, agent }) {
    const info = await (await agent()).get<Record<string, unknown>>('/info')
    if (format === 'json') return printJson(info)
    print(describeValue(info))
  },
})
