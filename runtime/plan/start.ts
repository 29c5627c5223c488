/** The steps that start a container in its pod, from the outside. */
import type { Call } from '../init/call.ts'
import type { OciConfig } from '../spec/oci.ts'
import { planLimits } from './limits.ts'
import { planCgroupRemoval, planLimitStep } from './pod.ts'
import type { Step } from './step.ts'

export interface StartInput {
  directory: string
  config: OciConfig
  /** config.json as it is written. */
  configText: string
  cgroup: string | undefined
  calls: Call[]
}

/** Namespaces that nsenter(1) joins before the init program runs, by the type of config.json. */
const NSENTER: Partial<Record<string, string>> = { network: 'net', ipc: 'ipc', uts: 'uts' }

const planNsenter = ({ linux }: OciConfig): string[] => [
  'nsenter',
  ...linux.namespaces.flatMap(({ type, path }) =>
    path === undefined || NSENTER[type] === undefined ? [] : [`--${NSENTER[type]}=${path}`],
  ),
  '--',
]

export const planStart = ({ directory, config, configText, cgroup, calls }: StartInput): Step[] => [
  ...(cgroup === undefined
    ? []
    : [
        {
          kind: 'mkdir' as const,
          id: 'cgroups.leaf',
          why: 'A leaf for the container: processes sit in leaves only.',
          man: 'cgroups(7)' as const,
          see: 'glasspod cgroup',
          path: cgroup,
          undo: planCgroupRemoval(cgroup),
        },
        ...planLimits(config.linux.resources).map((limit) =>
          planLimitStep(
            cgroup,
            limit,
            `The limit holds before the first process is in: ${limit.file} is ${limit.value}.`,
          ),
        ),
      ]),
  {
    kind: 'write',
    id: 'bundle.config',
    why: 'What is started is written down as the OCI runtime specification has it.',
    man: 'write(2)',
    path: `${directory}/config.json`,
    value: configText,
  },
  {
    kind: 'enter',
    id: 'container.init',
    why: 'Join the pod’s namespaces, then run the init program: from here on it is system calls.',
    man: 'nsenter(1)',
    see: 'glasspod graph',
    argv: planNsenter(config),
    program: `${directory}/init`,
    inside: calls,
  },
]
