import { assertTerminal } from '../terminal.ts'
import { runForeground } from '../attached.ts'
import { segment } from '../client.ts'
import { CONTAINER_OPERANDS, RUN_OPTIONS } from '../container-options.ts'
import { createContainer, readSurroundings } from '../create.ts'
import { makeCreateRequest } from '../create-body.ts'
import { openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: RUN_OPTIONS,
  operands: CONTAINER_OPERANDS,
  example: 'glasspod run --rm -it busybox sh',
  exitCodes: 'command',
  async run({ options, operands, agent }) {
    const { detach, tty, interactive, rm } = options
    if (!detach) assertTerminal(options)
    const request = makeCreateRequest(options, operands, readSurroundings())
    const logins = openLogins()
    const client = await agent()
    const id = await createContainer(client, request, options, logins)
    // What did not start is not left behind: with --rm the agent has removed it already.
    const start = () =>
      client.post(`/containers/${segment(id)}/start`).catch(async (error: unknown) => {
        if (!rm) await client.delete(`/containers/${segment(id)}`).catch(() => undefined)
        throw error
      })
    if (!detach) return runForeground({ client, id, tty, stdin: interactive, autoRemove: rm, start })
    await start()
    print(id)
    return 0
  },
})
