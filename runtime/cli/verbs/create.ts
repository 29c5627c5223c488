import { CONTAINER_OPERANDS, CREATE_OPTIONS } from '../container-options.ts'
import { createContainer, readSurroundings } from '../create.ts'
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
    const logins = openLogins()
    print(await createContainer(await agent(), request, options, logins))
  },
})
