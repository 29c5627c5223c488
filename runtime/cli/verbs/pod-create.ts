import type { Created } from '../api.ts'
import { print, printError } from '../output.ts'
import { POD_OPTIONS, makePodBody } from '../pod-body.ts'
import { NO_OPERANDS, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: POD_OPTIONS,
  operands: NO_OPERANDS,
  example: 'glasspod pod create --name shop -p 8080:80',
  async run({ options, agent }) {
    const body = makePodBody(options)
    const { Id, Warnings } = await (await agent()).post<Created>('/glasspod/pods/create', { body })
    for (const warning of Warnings ?? []) printError(`warning: ${warning}`)
    print(Id)
  },
})
