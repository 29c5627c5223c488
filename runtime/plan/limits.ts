/** Limits of a config.json as files of a cgroup directory (cgroups(7), cgroup-v2.rst). */
import type { OciResources } from '../spec/oci.ts'

/** The files that a set of limits means, and the controller that each needs. */
export const planLimits = ({
  memory,
  cpu,
  pids,
}: OciResources): { file: string; value: string; controller: string }[] => [
  ...(memory?.limit === undefined ? [] : [{ file: 'memory.max', value: `${memory.limit}`, controller: 'memory' }]),
  ...(memory?.limit === undefined || memory.swap === undefined || memory.swap < 0
    ? []
    : [{ file: 'memory.swap.max', value: `${Math.max(0, memory.swap - memory.limit)}`, controller: 'memory' }]),
  ...(cpu?.quota === undefined
    ? []
    : [{ file: 'cpu.max', value: `${cpu.quota} ${cpu.period ?? 100_000}`, controller: 'cpu' }]),
  ...(pids === undefined ? [] : [{ file: 'pids.max', value: `${pids.limit}`, controller: 'pids' }]),
]
