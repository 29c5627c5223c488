/** After a crash of the agent: what runs is watched again, what ended is noted, what was half-made goes. */
import { existsSync, rmSync } from 'node:fs'
import { asksForRestart } from '../spec/restart.ts'
import { isHeld } from './alive.ts'
import type { Container, Containers } from './containers.ts'
import { endTree } from './end-tree.ts'
import type { Leaves } from './leaves.ts'
import type { Losses } from './losses.ts'
import { monitorFiles, openInput, readEnding } from './monitored.ts'
import type { Pods } from './pods.ts'
import type { PodRecord } from './records.ts'
import type { Restarts } from './restarts.ts'
import type { Supervisor } from './supervisor.ts'

interface Parts {
  pods: Pods
  containers: Containers
  leaves: Leaves
  losses: Losses
  restarts: Restarts
  supervisor: Supervisor
}

export const adopt = (parts: Parts): void => {
  const { pods, containers, losses } = parts
  for (const path of [...containers.remains, ...pods.remains]) rmSync(path, { recursive: true, force: true })
  for (const container of containers.all.values()) adoptContainer(parts, container)
  for (const pod of pods.all.values())
    if (!pod.implicit) void losses.follow(pod)
    else
      adoptImplicit(parts, pod).catch((error: unknown) => {
        console.error(`adopt pod ${pod.name}:`, error)
      })
}

/** Of one container: it goes with it, and stops with it. */
const adoptImplicit = async ({ pods, containers }: Parts, pod: PodRecord): Promise<void> => {
  const inIt = containers.inPod(pod)
  if (inIt.length === 0) return pods.remove(pod)
  if (mayStartAgain(inIt)) return
  const isLost = pod.pause !== undefined && !pods.isRunning(pod)
  if (isLost || inIt.every(({ isRunning }) => !isRunning)) await pods.stop(pod)
}

/** Then their next start finds out whether the pod lives, and takes away what is left of it. */
const mayStartAgain = (containers: readonly Container[]): boolean =>
  containers.some(
    ({ isRunning, isRestarting, record }) =>
      isRestarting || (isRunning && asksForRestart(record.body.HostConfig?.RestartPolicy)),
  )

const adoptContainer = (parts: Parts, container: Container): void => {
  const { containers, leaves, restarts, supervisor } = parts
  const { alive, exit } = monitorFiles(container.directory)
  const held = existsSync(alive) && isHeld(alive)
  const started = container.isRunning || held || existsSync(exit)
  const takeUp = () => {
    const swept = sweep(leaves, container)
    if (container.isRestarting) restarts.schedule(container, swept)
  }
  if (!started) {
    takeUp()
    return
  }
  supervisor.keepForClients(container)
  // ended and held, or with another end than the one noted: it was being started again when the agent died.
  if ((container.record.status === 'exited' || container.isRestarting) && !held && !endedAgain(container)) {
    takeUp()
    if (container.record.body.HostConfig?.AutoRemove === true) void supervisor.removeItself(container)
    return
  }
  if (!container.isRunning) noteFound(containers, container)
  if (container.record.body.OpenStdin === true) container.input = openInput(container.directory)
  void supervisor.watch(container)
}

/** The agent died between the note of the end and the clean-up: what the last run left is not this run's evidence. */
const sweep = async (leaves: Leaves, { record }: Container): Promise<void> => {
  const cgroup = leaves.of(record)
  if (cgroup !== undefined && existsSync(cgroup))
    await endTree(cgroup).catch((error: unknown) => console.error(`sweep ${record.name}:`, error))
}

const endedAgain = ({ record, directory }: Container): boolean => {
  const ending = readEnding(directory)
  return ending !== undefined && record.finishedAt !== undefined && ending.finishedAt !== record.finishedAt
}

/** The agent died between the start and its note. */
const noteFound = (containers: Containers, container: Container): void => {
  container.record.status = 'running'
  container.record.startedAt = new Date().toISOString()
  containers.note(container)
}
