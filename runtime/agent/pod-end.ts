/** The end of a whole pod: its containers first, then what held them together. */
import { Failure } from '../errors.ts'
import type { Watch } from '../execute.ts'
import type { Step } from '../plan/step.ts'
import type { Agent } from './agent.ts'
import type { PodRecord } from './records.ts'

/** `seconds`: how long each container may take; `verb`: who asks, for the death certificates. */
export const stopPod = async (
  agent: Agent,
  pod: PodRecord,
  { seconds, verb = 'pod stop', watch }: { seconds: number; verb?: string; watch?: Watch | undefined },
): Promise<void> => {
  await agent.pods.started(pod)
  await Promise.all(
    agent.containers.inPod(pod).map((container) => agent.stops.stop(container, seconds, { verb }, watch)),
  )
  await agent.losses.settled(pod)
  await agent.pods.stop(pod, watch)
  agent.supervisor.onEnd()
}

/** What `pod rm` without force refuses. @throws {Failure} `pod.running` */
export const assertIdle = (agent: Agent, pod: PodRecord): void => {
  const up = agent.containers.inPod(pod).filter(({ isUp }) => isUp)
  if (up.length === 0) return
  throw new Failure(`pod ${pod.name} has running containers`, {
    id: 'pod.running',
    found: up.map(({ record }) => record.name).join(', '),
    try: `glasspod pod stop ${pod.name}, or pod rm -f`,
    status: 409,
    exitCode: 125,
  })
}

/** The steps of a removal. */
export const planPodEnd = (agent: Agent, pod: PodRecord): Step[] => [
  ...agent.containers
    .inPod(pod)
    .flatMap((container) => [
      ...(container.isRunning ? agent.stops.planHardEnd(container) : []),
      ...agent.containers.planRemoval(container, pod),
    ]),
  ...agent.pods.planRemoval(pod),
]

/** What still runs in it is killed. */
export const removePod = async (agent: Agent, pod: PodRecord, watch?: Watch): Promise<void> => {
  await agent.pods.started(pod)
  const containers = agent.containers.inPod(pod)
  await Promise.all(containers.map((container) => agent.supervisor.remove(container, true, watch)))
  await agent.losses.settled(pod)
  await agent.pods.remove(pod, watch)
  agent.supervisor.onEnd()
}
