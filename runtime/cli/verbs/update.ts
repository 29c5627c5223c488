import type { Created } from '../api.ts'
import { segment } from '../client.ts'
import { forEachName } from '../each.ts'
import { LIMIT_OPTIONS, RESTART_OPTION, makeLimits } from '../limit-options.ts'
import { badFlag } from '../options.ts'
import { parseRestart } from '../../spec/restart.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: { ...LIMIT_OPTIONS, restart: RESTART_OPTION },
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: Infinity },
  example: 'glasspod update --memory 128m --pids-limit 50 web',
  async run({ options, operands, agent }) {
    const { restart } = options
    const body = { ...makeLimits(options), ...(restart === undefined ? {} : { RestartPolicy: parseRestart(restart) }) }
    if (Object.keys(body).length === 0)
      throw badFlag('glasspod update: no limit and no policy is given', 'glasspod update --memory 128m NAME')
    const client = await agent()
    return forEachName(client, operands, async (name) => {
      await client.post<Pick<Created, 'Warnings'>>(`/containers/${segment(name)}/update`, { body })
    })
  },
})
