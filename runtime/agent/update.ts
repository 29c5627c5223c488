/** New limits for a container that exists: of a running one the kernel's files, of any the record that the next run reads. */
import { Failure } from '../errors.ts'
import { changeLimits } from '../kernel/cgroups/limits.ts'
import { planChange } from '../plan/limits.ts'
import { refuseUnsupported } from '../spec/config.ts'
import { LIMIT_FIELDS, pickLimits, pickWeights, type Limits } from '../spec/limits.ts'
import type { OciResources } from '../spec/oci.ts'
import { checkRestart, RESTART_SHAPE, type RestartPolicy } from '../spec/restart.ts'
import { planResources } from '../spec/resources.ts'
import type { Shape } from '../spec/shape.ts'
import type { Container, Containers } from './containers.ts'
import { hostResources, requireLimits } from './limits.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { PodRecord } from './records.ts'
import type { Leaves } from './leaves.ts'

/** Body of POST /containers/ID/update: what is absent or 0 stays as it is. */
export type UpdateBody = Limits & { RestartPolicy?: RestartPolicy | null }

export const UPDATE_SHAPE: Shape = { fields: { ...LIMIT_FIELDS, RestartPolicy: RESTART_SHAPE } }

const refuse = (sentence: string, advice: string): Failure =>
  new Failure(sentence, { id: 'container.update', try: advice, exitCode: 125, status: 409 })

/** What --cpus says and what quota and period say are one limit: the newer way of saying it replaces the older. */
const mergeCpu = (before: Limits, asked: Limits): Limits => {
  const { NanoCpus, CpuPeriod, CpuQuota, ...rest } = before
  if (asked.NanoCpus !== undefined) return rest
  if (asked.CpuPeriod !== undefined || asked.CpuQuota !== undefined)
    return {
      ...rest,
      ...(CpuPeriod === undefined ? {} : { CpuPeriod }),
      ...(CpuQuota === undefined ? {} : { CpuQuota }),
    }
  return { ...rest, ...pickLimits({ NanoCpus, CpuPeriod, CpuQuota } as Limits) }
}

/** The limits that it then has. Failure `container.update` where memory would go over a --memory-swap that was set. */
export const mergeLimits = (before: Limits, asked: Limits): Limits => {
  const { Memory = 0, MemorySwap = 0 } = asked
  if (MemorySwap === 0 && (before.MemorySwap ?? 0) > 0 && Memory > (before.MemorySwap ?? 0))
    throw refuse(
      'memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
      '--memory-swap with --memory; it counts memory and swap together',
    )
  const { CgroupConf } = before
  return {
    ...mergeCpu(before, asked),
    ...asked,
    ...(asked.CgroupConf === undefined ? {} : { CgroupConf: { ...CgroupConf, ...asked.CgroupConf } }),
  }
}

export const updateContainer = (
  parts: { node: Node; pods: Pods; containers: Containers; leaves: Leaves },
  container: Container,
  body: UpdateBody,
): void => {
  const { record } = container
  refuseUnsupported(body)
  const policy = body.RestartPolicy?.Name ? body.RestartPolicy : undefined
  checkRestart(policy, record.body.HostConfig?.AutoRemove === true)
  const pod = parts.pods.get(record.podId)
  const before = pickLimits(record.body.HostConfig ?? {})
  const limits = mergeLimits(before, pickLimits(body))
  const resources = requireLimits(parts.node, limits, pod)
  const cgroup = container.isRunning ? parts.leaves.of(record) : undefined
  const host = hostResources(parts.node, pod)
  if (cgroup !== undefined) changeLimits(cgroup, planChange(planResources(before, host), resources))
  if (pod.implicit) updateWeights(parts, pod, planResources(pickWeights(limits), host))
  record.body.HostConfig = {
    ...record.body.HostConfig,
    ...EMPTY_CPU,
    ...limits,
    ...(policy === undefined ? {} : { RestartPolicy: policy }),
  }
  parts.containers.save(container)
}

/** What counts among neighbours is said of the pod that was made for the container too: there its neighbours are. */
const updateWeights = ({ pods }: { pods: Pods }, pod: PodRecord, resources: OciResources): void => {
  const cgroup = pods.isRunning(pod) ? pods.cgroup(pod) : undefined
  if (cgroup !== undefined) changeLimits(cgroup, planChange(pod.resources ?? {}, resources))
  pod.resources = resources
  pods.save(pod)
}

/** What mergeCpu may have taken away. */
const EMPTY_CPU: Limits = { NanoCpus: 0, CpuPeriod: 0, CpuQuota: 0 }
