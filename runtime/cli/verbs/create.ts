import type { Created } from '../api.ts'
import { CONTAINER_OPERANDS, CREATE_OPTIONS } from '../container-options.ts'
import { printWarnings, readSurroundings, withImage } from '../create.ts'
import { makeCreateRequest } from '../create-body.ts'
import { openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: CREATE_OPTIONS,
  operands: CONTAINER_OPERANDS,
  example: 'glasspod create --name web -p 8080:80 busybox httpd -f',
  async run({ options, operands, agent }) {
    const request = makeCreateRequest(options, operands, readSurroundings())
    const pulling = { image: request.body.Image, policy: options, logins: openLogins() }
    const client = await agent()
    if (options['dry-run'] !== undefined) {
      const { printScript } = await import('../dry-run.ts')
      return printScript(client, pulling, request)
    }
    const { Id, Warnings } = await withImage(client, pulling, () => client.post<Created>('/containers/create', request))
    printWarnings(Warnings)
    print(Id)
  },
})
