import type { AgentStatus } from '../api.ts'
import { describeValue } from '../describe.ts'
import { formatDuration, formatSize } from '../human.ts'
import { print, printJson } from '../output.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

export const formatStatus = (status: AgentStatus): string =>
  describeValue({
    agent: `runs, pid ${status.pid}, for ${formatDuration(status.uptimeSeconds)}`,
    memory: `${formatSize(status.memory.pssBytes)} (PSS), ${formatSize(status.memory.rssBytes)} resident`,
    containers: `${status.containers.running} running, ${status.containers.total} in all`,
    pods: status.pods,
    version: `${status.version}, build ${status.buildId}`,
    root: status.root,
    socket: status.socket,
  })

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: NO_OPERANDS,
  example: 'glasspod agent status --format json',
  exitCodes: { '0': 'it runs', '1': 'it does not run', '125': 'it could not be asked' },
  async run({ options: { format }, root, runningAgent }) {
    const client = await runningAgent()
    if (client === undefined) {
      if (format === 'json') printJson({ running: false, root })
      else print(`agent: does not run (root ${root})`)
      return 1
    }
    const status = await client.get<AgentStatus>('/glasspod/agent')
    if (format === 'json') printJson({ running: true, ...status })
    else print(formatStatus(status))
    return 0
  },
})
