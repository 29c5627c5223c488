import { badFlag } from '../options.ts'
import type { ContainerInspect } from '../api.ts'
import { runForeground } from '../attached.ts'
import { segment } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { forEachName } from '../each.ts'
import { assertTerminal } from '../terminal.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    attach: { type: 'boolean', short: 'a', about: 'show its output, and wait for its end' },
    interactive: { type: 'boolean', short: 'i', about: 'pass standard input on, as well as -a' },
  },
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod start -a web',
  exitCodes: 'command',
  async run({ options: { attach, interactive }, operands, agent }) {
    const [name = '', ...others] = operands
    const foreground = attach || interactive
    if (foreground && others.length > 0) throw badFlag('-a and -i take one container', `glasspod start -a ${name}`)
    const client = await agent()
    const start = (container: string) => client.post<undefined>(`/containers/${segment(container)}/start`)
    if (!foreground) return forEachName(client, operands, start)
    const { Id, Config, HostConfig, State } = await client.get<ContainerInspect>(`/containers/${segment(name)}/json`)
    const stdin = interactive && Config.OpenStdin
    assertTerminal({ tty: Config.Tty, interactive: stdin })
    return runForeground({
      ...{ client, id: Id, tty: Config.Tty, stdin },
      autoRemove: HostConfig?.AutoRemove === true,
      startedBefore: State.StartedAt,
      start: () => start(Id),
    })
  },
})
