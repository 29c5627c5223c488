/** `explain rootless`: the steps that made this node, from the same plans, with what is known of this machine. */
import { readHandedDown } from '../../kernel/cgroups/controllers.ts'
import type { Step } from '../../plan/step.ts'
import { agentCommand } from '../../rootless/agent-command.ts'
import {
  planAgentStep,
  planAsRoot,
  planGuardStep,
  planHolderStep,
  planNetworkHolder,
  planNodeCgroup,
  planUplinkStep,
} from '../../rootless/plan-node.ts'
import { layout } from '../../rootless/root-directory.ts'
import { SYSTEM_USER } from '../../rootless/system-user.ts'
import type { Agent } from '../agent.ts'

export interface NodeParts {
  byRoot: Step[]
  start: Step[]
  network: Step[]
}

export const planNode = async ({ node, network }: Agent): Promise<NodeParts> => {
  const { paths, cgroup, idMap, host } = node
  const byRoot = process.env['USER'] === SYSTEM_USER
  const { planUplink } = await import('../../rootless/uplink.ts')
  const program = network.read()?.uplink?.program ?? 'slirp4netns'
  const uplink = planUplink(program, { netnsPid: 0, runDir: paths.run }, true)
  return {
    byRoot: byRoot ? planAsRoot(SYSTEM_USER, cgroup?.replace(/\/[^/]+$/, '')) : [],
    start: [
      ...(cgroup === undefined ? [] : planNodeCgroup({ directory: cgroup, controllers: readHandedDown(cgroup) })),
      planHolderStep({
        idMap,
        program: `${layout(paths.root).lib}/.holder`,
        agent: agentCommand(paths.root),
        env: Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`),
        logFile: layout(paths.root).agentLog,
        cgroupProcs: cgroup === undefined ? undefined : `${cgroup}/supervisor/cgroup.procs`,
      }),
      planAgentStep(),
    ],
    network: [
      planNetworkHolder(paths.run, host.mappedIds),
      ...(program === 'slirp4netns' ? [planGuardStep()] : []),
      planUplinkStep(uplink.argv),
    ],
  }
}
