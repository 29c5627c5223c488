import type { Created } from '../api.ts'
import { assertTerminal } from '../terminal.ts'
import { runForeground } from '../attached.ts'
import { segment } from '../client.ts'
import { CONTAINER_OPERANDS, RUN_OPTIONS } from '../container-options.ts'
import { newId, printWarnings, readSurroundings, readWarnings, withImage } from '../create.ts'
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
    const { detach, tty, interactive: stdin, rm: autoRemove } = options
    if (!detach && options['dry-run'] === undefined) assertTerminal(options)
    const { query, body } = makeCreateRequest(options, operands, readSurroundings())
    const pulling = { image: body.Image, policy: options, logins: openLogins() }
    const client = await agent()
    if (options['dry-run'] !== undefined) {
      const { printScript } = await import('../dry-run.ts')
      await printScript(client, pulling, { query, body })
      return 0
    }
    if (detach) {
      const { Id, Warnings } = await withImage(client, pulling, () =>
        client.post<Created>('/glasspod/run', { query, body }),
      )
      printWarnings(Warnings)
      print(Id)
      return 0
    }
    return withImage(client, pulling, () => {
      const id = newId()
      return runForeground({
        ...{ client, id, tty, stdin, autoRemove },
        run: async (attach) => {
          const stream = await client.hijack('/glasspod/run', { query: { ...query, ...attach, id }, body })
          printWarnings(readWarnings(stream.headers))
          return stream
        },
        start: () => client.post(`/containers/${segment(id)}/start`),
      })
    })
  },
})
