import type { Created } from '../api.ts'
import { carryStreams } from '../attached.ts'
import { segment } from '../client.ts'
import { readSurroundings } from '../create.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS, makeExecBody } from '../exec-body.ts'
import { assertTerminal, followSize } from '../terminal.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: EXEC_OPTIONS,
  operands: EXEC_OPERANDS,
  example: 'glasspod exec -it web sh',
  exitCodes: 'command',
  async run({ options, operands: [container = '', ...command], agent }) {
    const { detach, tty, interactive } = options
    if (!detach) assertTerminal(options)
    const body = makeExecBody(options, command, readSurroundings())
    const client = await agent()
    const { Id } = await client.post<Created>(`/containers/${segment(container)}/exec`, { body })
    const path = `/exec/${segment(Id)}`
    if (detach) {
      await client.post(`${path}/start`, { body: { Detach: true, Tty: tty } })
      return 0
    }
    const stream = await client.hijack(`${path}/start`, { body: { Detach: false, Tty: tty } })
    if (tty) followSize((size) => client.post(`${path}/resize`, { query: size }))
    if ((await carryStreams({ stream, tty, stdin: interactive })) === 'detached') return 0
    return (await client.get<{ ExitCode: number | null }>(`${path}/json`)).ExitCode ?? 0
  },
})
