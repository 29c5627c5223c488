/**
 * Starts containers, learns how they end, and removes them. Nothing here is needed for a container to live: it has its
 * monitor, and its end is written before the agent hears of it.
 */
import { rmSync, statSync } from 'node:fs'
import { executeSteps, type Effect, type Watch } from '../execute.ts'
import { readIdentity, readParent } from '../kernel/processes.ts'
import { planCgroupRemoval } from '../plan/pod.ts'
import type { Step } from '../plan/step.ts'
import type { Container, Containers } from './containers.ts'
import { readBaseline, readDeath } from './death.ts'
import { endTree } from './end-tree.ts'
import type { Leaves } from './leaves.ts'
import type { Losses } from './losses.ts'
import { monitorFiles, openInput, prepareRun, releaseInput, stillUp, type Ending, whenEnded } from './monitored.ts'
import type { Pods } from './pods.ts'
import type { ContainerRecord, PodRecord } from './records.ts'
import { bindToPod, prepareStart, type Planned, type Prepared, type StartParts } from './start-plan.ts'
import type { Restarts } from './restarts.ts'
import type { Stops } from './stops.ts'

interface Parts extends StartParts {
  containers: Containers
  leaves: Leaves
  restarts: Restarts
  stops: Stops
  losses: Losses
}

/** So long what removes itself is kept for the clients that want its output and exit code and have not asked yet. */
const RETURN_MS = 10_000

const effects: Record<string, Effect> = {
  'cgroups.remove': ({ path }) => endTree(String(path)).then(() => undefined),
}

export class Supervisor {
  private readonly parts: Parts
  private readonly pods: Pods
  private readonly containers: Containers
  private readonly leaves: Leaves
  private readonly restarts: Restarts
  private readonly stops: Stops
  private readonly losses: Losses
  private readonly starting = new Map<string, Promise<void>>()
  /** Called after each end; the agent uses it to see whether it is needed any more. */
  onEnd: () => void = () => undefined

  constructor(parts: Parts) {
    this.pods = parts.pods
    this.containers = parts.containers
    this.leaves = parts.leaves
    this.restarts = parts.restarts
    this.restarts.attempt = (container) => this.startAgain(container)
    this.stops = parts.stops
    this.losses = parts.losses
    this.parts = parts
  }

  /** What starts it. Its pod must run, for the namespaces that it joins. */
  async plan(container: Planned, pod: PodRecord): Promise<Step[]> {
    return bindToPod(this.parts, container, pod, await prepareStart(this.parts, container, pod))
  }

  /** Two who start it at once start it once: a second program on the same layer would write over the first one's. */
  start(container: Container, watch?: Watch): Promise<void> {
    const { id } = container.record
    const running = this.starting.get(id)
    if (running !== undefined) return running
    if (!container.isRunning) this.restarts.forget(container)
    return this.startAlone(container, watch)
  }

  /** By its policy. A failure is in its record. */
  private async startAgain(container: Container): Promise<void> {
    if (!container.isRestarting) return
    const { record } = container
    record.restarts++
    record.last = { exitCode: record.exitCode, finishedAt: record.finishedAt, reason: record.death?.reason }
    await this.startAlone(container).catch(() => undefined)
  }

  private startAlone(container: Container, watch?: Watch): Promise<void> {
    const { id } = container.record
    const start = this.startOnce(container, watch).finally(() => this.starting.delete(id))
    this.starting.set(id, start)
    return start
  }

  private async startOnce(container: Container, watch?: Watch): Promise<void> {
    const { record, directory } = container
    if (container.isRunning) return
    container.watch = watch
    const pod = this.pods.get(record.podId)
    let startedAt = ''
    try {
      const prepared = await this.startPod(container, pod)
      prepareRun(directory)
      record.logStart = statSync(monitorFiles(directory).log).size
      record.baseline = readBaseline(this.leaves.places(record, pod), pod, this.leaves.hasMemory)
      delete record.asked
      delete record.death
      await executeSteps(bindToPod(this.parts, container, pod, prepared), {
        effects,
        watch,
        onPid: (_, pid, status) => {
          startedAt = new Date().toISOString()
          this.notePid(container, pid, startedAt)
          if (record.body.OpenStdin !== true) return
          container.input = openInput(directory)
          releaseInput(status)
        },
      })
      this.noteStarted(container, startedAt)
    } catch (error) {
      await this.cleanUp(container, error)
      throw error
    }
    void this.watch(container)
  }

  /** Its pod is started, and meanwhile it is planned. */
  private async startPod(container: Container, pod: PodRecord): Promise<Prepared> {
    const { watch } = container
    const running = this.pods.start(pod, watch)
    const early = pod.share.includes('pid')
      ? running.then(() => prepareStart(this.parts, container, pod))
      : prepareStart(this.parts, container, pod)
    // The pod's failure is the one to tell, and both are over when this is.
    await Promise.allSettled([running, early])
    delete container.config
    await running
    return early
  }

  /** Written before the container's program runs: an agent that dies here leaves enough for the next. */
  private notePid(container: Container, pid: number, startedAt: string): void {
    const { record } = container
    record.process = readIdentity(pid) ?? { pid, startTime: 0 }
    const parent = readParent(pid)
    const monitor = parent === undefined ? undefined : readIdentity(parent)
    if (monitor !== undefined) record.monitor = monitor
    this.containers.saveStarting(container, startedAt)
  }

  private noteStarted({ record, events }: Container, startedAt: string): void {
    record.status = 'running'
    record.startedAt = startedAt
    delete record.exitCode
    delete record.finishedAt
    delete record.error
    events.emit('start')
  }

  /** A start that failed leaves a container that can be started again, and nothing else. */
  private async cleanUp(container: Container, error: unknown): Promise<void> {
    const { record } = container
    record.error = error instanceof Error ? error.message : String(error)
    rmSync(monitorFiles(container.directory).exit, { force: true })
    const isFollowed = container.isRestarting && this.restarts.note(container, 0)
    // A run was before: its exit code is known, and it has ended.
    if (!isFollowed) record.status = container.isRestarting ? 'exited' : 'created'
    await this.release(container)
    if (record.body.HostConfig?.AutoRemove === true) await this.containers.remove(container)
    else this.containers.note(container)
    if (isFollowed) this.restarts.schedule(container)
    container.events.emit('end')
    this.onEnd()
  }

  /** Resolves when the run is over and its record is written. */
  async watch(container: Container): Promise<void> {
    const ending = await whenEnded(container.directory)
    await this.noteEnded(container, ending).catch((error: unknown) =>
      console.error(`end of ${container.record.name}:`, error),
    )
  }

  private async noteEnded(container: Container, ending: Ending): Promise<void> {
    const { record } = container
    const { exitCode, finishedAt } = ending
    record.status = 'exited'
    record.finishedAt = finishedAt
    // The agent notes a start when it hears of it: by then a short run may be over.
    if (record.startedAt !== undefined && record.startedAt > finishedAt) record.startedAt = finishedAt
    if (exitCode === undefined) record.error = 'the monitor was killed: how the container ended is unknown'
    else record.exitCode = exitCode
    const pod = this.pods.get(record.podId)
    const processOne = pod.share.includes('pid') ? this.losses.lostPid(pod) : undefined
    record.death = readDeath({ record, pod, processOne }, this.leaves.places(record, pod), ending)
    container.input?.destroy()
    container.input = undefined
    const isFollowed = this.restarts.note(
      container,
      Date.parse(finishedAt) - Date.parse(record.startedAt ?? finishedAt),
    )
    const goes = record.body.HostConfig?.AutoRemove === true
    // Before its cgroup goes, and with it the evidence: an agent that dies in between leaves a directory, no riddle.
    if (!goes) this.containers.note(container)
    const released = this.release(container).catch((error: unknown) => console.error(`release ${record.name}:`, error))
    if (isFollowed) this.restarts.schedule(container, released)
    await released
    container.events.emit('end')
    if (goes) await this.removeItself(container)
    this.onEnd()
  }

  async removeItself(container: Container): Promise<void> {
    const left = () => (container.keptUntil ?? 0) - Date.now()
    while (left() > 0)
      await new Promise<void>((resolve) => {
        container.events.once('claimed', resolve)
        setTimeout(resolve, Math.min(left(), RETURN_MS))
      })
    // Somebody may have started it again, or removed it.
    if (container.record.status === 'exited' && this.containers.all.get(container.record.id) === container)
      await this.containers.remove(container)
  }

  /** Until its clients have been told that it runs, however long its start takes: a stepped one waits for its user. */
  keepForStart(container: Container): void {
    container.keptUntil = Infinity
  }

  /** From now on, a while: its clients come for output and exit code. */
  keepForClients(container: Container): void {
    container.keptUntil = Date.now() + RETURN_MS
  }

  /** Nobody else is expected: what is kept for those who come back goes at once. */
  claim(container: Container): void {
    delete container.keptUntil
    container.events.emit('claimed')
  }

  /** What a run held beside its pod: undone when it has ended. */
  planRelease(record: ContainerRecord, pod = this.pods.get(record.podId)): Step[] {
    const cgroup = this.leaves.of(record, pod)
    return cgroup === undefined ? [] : [planCgroupRemoval(cgroup)]
  }

  /** Its cgroup, and the pod that was made for it alone; what is started again keeps its pod, and so its address. */
  private async release(container: Container): Promise<void> {
    const { watch } = container
    await executeSteps(this.planRelease(container.record), { effects, watch })
    if (container.isRestarting) return
    const pod = this.pods.get(container.record.podId)
    if (pod.implicit) await this.pods.stop(pod, watch, container.record.body.HostConfig?.AutoRemove === true)
  }

  async remove(container: Container, force: boolean, watch?: Watch): Promise<void> {
    // A start that is under way is over first: then all of it is there, to be ended or refused for.
    await this.starting.get(container.record.id)?.catch(() => undefined)
    this.claim(container)
    container.watch = watch
    if (force) await this.restarts.cancel(container)
    if (container.isUp) {
      if (!force) throw stillUp(container)
      const removed = new Promise<void>((resolve) => container.events.once('removed', resolve))
      const automatic = container.record.body.HostConfig?.AutoRemove === true
      const ended = new Promise<void>((resolve) => container.events.once('end', resolve))
      const effects = { 'container.kill': () => this.stops.killHard(container, 'rm -f') }
      await executeSteps(this.stops.planHardEnd(container), { effects, watch })
      await (automatic ? removed : ended)
      if (automatic) return
    }
    await this.containers.remove(container)
    this.onEnd()
  }
}
