import { Failure, isFailure } from '../../errors.ts'
import { isAgentGone } from '../across-agents.ts'
import type { Created } from '../api.ts'
import { carryStreams } from '../carry.ts'
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
    if (tty) followSize((size) => client.post(`${path}/resize`, { query: size }))()
    if ((await carryStreams({ stream, tty, stdin: interactive })) === 'detached') return 0
    return client.get<{ ExitCode: number | null }>(`${path}/json`).then(
      ({ ExitCode }) => ExitCode ?? 0,
      (error: unknown) => {
        throw explainLoss(error, container)
      },
    )
  },
})

/** What an agent knows of an exec ends with it, and another one may answer by now. */
const explainLoss = (error: unknown, container: string): unknown =>
  isAgentGone(error) || (isFailure(error) && error.facts.status === 404)
    ? new Failure(
        `the agent ended, and the command in ${container} may run on: how it ends will not be known`,
        { id: 'agent.lost', try: `glasspod exec ${container} ps` },
        { cause: error },
      )
    : error
