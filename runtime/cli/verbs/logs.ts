import { acrossAgents } from '../across-agents.ts'
import type { ContainerInspect } from '../api.ts'
import { segment } from '../client.ts'
import { parseMoment } from '../moment.ts'
import { badFlag } from '../options.ts'
import { makeReceived } from '../received.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    follow: { type: 'boolean', short: 'f', about: 'go on as more is written' },
    since: { type: 'string', metavar: 'TIME', about: 'from this moment, or from so long ago (10m)' },
    tail: { type: 'string', short: 'n', metavar: 'N', about: 'the last N lines, or all' },
    timestamps: { type: 'boolean', short: 't', about: 'with the time of each line' },
    until: { type: 'string', metavar: 'TIME', about: 'up to this moment, or so long ago' },
  },
  operands: { usage: 'CONTAINER', min: 1, max: 1 },
  example: 'glasspod logs -f --tail 10 web',
  async run({ options: { follow, since, tail, timestamps, until }, operands: [name = ''], agent }) {
    if (tail !== undefined && !/^(all|\d+)$/.test(tail))
      throw badFlag(`--tail takes a number of lines or all, not "${tail}"`)
    const now = Date.now()
    const query = {
      ...{ follow, timestamps, tail, stdout: true, stderr: true },
      since: since === undefined ? undefined : parseMoment('--since', since, now),
      until: until === undefined ? undefined : parseMoment('--until', until, now),
    }
    const client = await agent()
    const path = `/containers/${segment(name)}`
    const { Config } = await client.get<ContainerInspect>(`${path}/json`)
    const received = makeReceived(Config.Tty)
    await acrossAgents(client, async () => {
      const { body, headers } = await client.stream(`${path}/logs`, { ...query, ...received.query() })
      const take = received.take(headers)
      for await (const chunk of body) take(chunk)
    })
  },
})
