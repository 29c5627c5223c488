/** New limits for a container that exists: of a running one the kernel's files, of any the record that the next run reads. */
import { Failure } from '../errors.ts'
import { executeSteps, type Watch } from '../execute.ts'
import { readBefore } from '../kernel/cgroups/limits.ts'
import { planNewLimits } from '../plan/lifecycle.ts'
import { planChange, type LimitLine } from '../plan/limits.ts'
import { planLimitStep } from '../plan/pod.ts'
import type { Step } from '../plan/step.ts'
import { refuseUnsupported } from '../spec/config.ts'
import { LIMIT_FIELDS, pickLimits, pickWeights, type Limits } from '../spec/limits.ts'
import { checkRestart, RESTART_SHAPE, type RestartPolicy } from '../spec/restart.ts'
import { planResources } from '../spec/resources.ts'
import type { Shape } from '../spec/shape.ts'
import type { Container, Containers } from './containers.ts'
import { hostResources, requireLimits } from './limits.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
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

/** Changes a directory that is in use. */
export const planWrites = (cgroup: string, lines: readonly LimitLine[]): Step[] =>
  lines.map((line) => ({
    ...planLimitStep(
      cgroup,
      line,
      `The kernel asks for it each time it gives something: ${line.file} is ${line.value}.`,
    ),
    undo: planLimitStep(cgroup, { ...line, value: readBefore(cgroup, line) }, 'What it was before.'),
  }))

interface Parts {
  node: Node
  pods: Pods
  containers: Containers
  leaves: Leaves
}

/** What it would do, and what is kept of it. @throws {Failure} a limit that nobody enforces here, or that does not fit */
export const planUpdate = (
  parts: Parts,
  container: Container,
  body: UpdateBody,
): { steps: Step[]; save: () => void } => {
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
  // What counts among neighbours is said of the pod that was made for the container too: there its neighbours are.
  const weights = pod.implicit ? planResources(pickWeights(limits), host) : undefined
  const around = weights !== undefined && parts.pods.isRunning(pod) ? parts.pods.cgroup(pod) : undefined
  return {
    steps: [
      ...(cgroup === undefined ? [] : planWrites(cgroup, planChange(planResources(before, host), resources))),
      ...(around === undefined ? [] : planWrites(around, planChange(pod.resources ?? {}, weights ?? {}))),
      planNewLimits(container.directory),
    ],
    save: () => {
      record.body.HostConfig = {
        ...record.body.HostConfig,
        ...EMPTY_CPU,
        ...limits,
        ...(policy === undefined ? {} : { RestartPolicy: policy }),
      }
      parts.containers.save(container)
      if (weights === undefined) return
      pod.resources = weights
      parts.pods.save(pod)
    },
  }
}

/** All of it, or nothing. */
export const updateContainer = async (
  parts: Parts,
  container: Container,
  body: UpdateBody,
  watch?: Watch,
): Promise<void> => {
  const { steps, save } = planUpdate(parts, container, body)
  await executeSteps(steps, {
    effects: { 'container.record': () => Promise.resolve(save()).then(() => undefined) },
    watch,
  })
}

/** What mergeCpu may have taken away. */
const EMPTY_CPU: Limits = { NanoCpus: 0, CpuPeriod: 0, CpuQuota: 0 }
