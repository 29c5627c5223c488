/**
 * Starts containers, learns how they end, stops them, and takes over those that an earlier agent left running. Nothing
 * here is needed for a container to live: it has its monitor, and its end is written before the agent hears of it.
 */
import { existsSync, rmSync, statSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { executeSteps, type Effect, type Watch } from '../execute.ts'
import { readHandedDown } from '../kernel/cgroups/controllers.ts'
import { isFrozen } from '../kernel/cgroups/freezer.ts'
import { killAll } from '../kernel/cgroups/leaf.ts'
import { isAlive, readIdentity, readParent, signalProcess } from '../kernel/processes.ts'
import { planKillHard, planSignal, planThaw, planWait } from '../plan/lifecycle.ts'
import { planCgroupRemoval } from '../plan/pod.ts'
import type { Step } from '../plan/step.ts'
import { parseSignal, signalNumber } from '../spec/signals.ts'
import { isHeld } from './alive.ts'
import { atMost } from './at-most.ts'
import type { Container, Containers } from './containers.ts'
import { readBaseline, readDeath, type Places } from './death.ts'
import { endTree } from './end-tree.ts'
import {
  monitorFiles,
  notRunning,
  openInput,
  prepareRun,
  readEnding,
  releaseInput,
  type Ending,
  whenEnded,
} from './monitored.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { ContainerRecord, PodRecord } from './records.ts'
import { bindToPod, leafOf, prepareStart, type Planned, type Prepared, type StartParts } from './start-plan.ts'

/** So long what removes itself is kept for the clients that want its output and exit code and have not asked yet. */
const RETURN_MS = 5000

const effects: Record<string, Effect> = {
  'cgroups.remove': ({ path }) => endTree(String(path)).then(() => undefined),
}

export class Supervisor {
  private readonly parts: StartParts
  private readonly node: Node
  private readonly pods: Pods
  private readonly containers: Containers
  private readonly starting = new Map<string, Promise<void>>()
  /** Called after each end; the agent uses it to see whether it is needed any more. */
  onEnd: () => void = () => undefined

  constructor(parts: StartParts & { containers: Containers }) {
    this.node = parts.node
    this.pods = parts.pods
    this.containers = parts.containers
    this.parts = parts
  }

  cgroup(record: ContainerRecord, pod = this.pods.get(record.podId)): string | undefined {
    return leafOf(this.pods, record, pod)
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
      record.baseline = readBaseline(this.places(record, pod), pod, this.hasMemory)
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
    record.status = 'created'
    record.error = error instanceof Error ? error.message : String(error)
    rmSync(monitorFiles(container.directory).exit, { force: true })
    await this.release(container)
    if (record.body.HostConfig?.AutoRemove === true) await this.containers.remove(container)
    else this.containers.save(container)
    container.events.emit('end')
    this.onEnd()
  }

  /** Resolves when the run is over and its record is written. */
  async watch(container: Container): Promise<void> {
    const ending = await whenEnded(container.directory)
    await this.noteEnded(container, ending)
  }

  private async noteEnded(container: Container, ending: Ending): Promise<void> {
    const { record } = container
    const { exitCode, finishedAt } = ending
    record.status = 'exited'
    record.finishedAt = finishedAt
    if (exitCode === undefined) record.error = 'the monitor was killed: how the container ended is unknown'
    else record.exitCode = exitCode
    const pod = this.pods.get(record.podId)
    record.death = readDeath(record, pod, this.places(record, pod), ending)
    container.input?.destroy()
    container.input = undefined
    const goes = record.body.HostConfig?.AutoRemove === true
    // Before its cgroup goes, and with it the evidence: an agent that dies in between leaves a directory, no riddle.
    if (!goes) this.containers.save(container)
    await this.release(container).catch((error: unknown) => console.error(`release ${record.name}:`, error))
    container.events.emit('end')
    if (goes) await this.removeItself(container)
    this.onEnd()
  }

  private async removeItself(container: Container): Promise<void> {
    const left = (container.keptUntil ?? 0) - Date.now()
    if (left > 0)
      await new Promise<void>((resolve) => {
        container.events.once('claimed', resolve)
        setTimeout(resolve, left)
      })
    // Somebody may have started it again, or removed it.
    if (container.record.status === 'exited' && this.containers.all.get(container.record.id) === container)
      await this.containers.remove(container)
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
    const cgroup = this.cgroup(record, pod)
    return cgroup === undefined ? [] : [planCgroupRemoval(cgroup)]
  }

  /** Its cgroup, and the pod that was made for it alone. */
  private async release(container: Container): Promise<void> {
    const { watch } = container
    await executeSteps(this.planRelease(container.record), { effects, watch })
    const pod = this.pods.get(container.record.podId)
    if (pod.implicit) await this.pods.stop(pod, watch, container.record.body.HostConfig?.AutoRemove === true)
  }

  /** Whether the kernel holds all of it where it is. */
  isPaused(container: Container): boolean {
    const cgroup = container.isRunning ? this.cgroup(container.record) : undefined
    return cgroup !== undefined && isFrozen(cgroup) === true
  }

  /** The leaf of a running container, for what works on it alone; undefined where there is none. */
  runningCgroup({ isRunning, record }: Container): string | undefined {
    if (!isRunning) throw notRunning(record.name)
    return this.cgroup(record)
  }

  private places(record: ContainerRecord, pod: PodRecord): Places {
    return { leaf: this.cgroup(record, pod), pod: this.pods.cgroup(pod) }
  }

  private get hasMemory(): boolean {
    return this.node.cgroup !== undefined && readHandedDown(this.node.cgroup).includes('memory')
  }

  /** On disk before it is done: the agent may die in between. */
  private noteAsked(container: Container, verb: string, signal: number): void {
    container.record.asked = { verb, signal, at: new Date().toISOString() }
    this.containers.save(container)
  }

  planKill(container: Container, word = 'SIGKILL'): Step[] {
    const signal = parseSignal(word)
    const { record, isRunning } = container
    if (!isRunning || record.process === undefined) throw notRunning(record.name)
    const { pid } = record.process
    const why = 'The kernel delivers it to the first process of the container.'
    const cgroup = this.cgroup(record)
    // SIGKILL ends what is frozen; any other signal that is to end it waits until it goes on.
    const thaws = this.isPaused(container) && [signalNumber('SIGTERM'), this.stopSignal(container)].includes(signal)
    return [
      ...(isAlive(record.process) ? [planSignal(pid, signal, why)] : []),
      ...(thaws && cgroup !== undefined ? [planThaw(cgroup)] : []),
    ]
  }

  async kill(container: Container, word = 'SIGKILL', verb = 'kill', watch?: Watch): Promise<void> {
    const steps = this.planKill(container, word)
    this.noteAsked(container, verb, parseSignal(word))
    await executeSteps(steps, { effects: {}, watch })
  }

  private stopSignal({ record: { body, stopSignal = 'SIGTERM' } }: Container): number {
    return parseSignal(body.StopSignal === undefined || body.StopSignal === '' ? stopSignal : body.StopSignal)
  }

  planStop(container: Container, seconds: number): Step[] {
    const ask = this.planKill(container, `${this.stopSignal(container)}`)
    const kill = seconds < 0 ? [] : this.planHardEnd(container)
    return [...ask, planWait(container.record.process?.pid ?? 0, seconds), ...kill]
  }

  /**
   * Asks, waits `seconds` (for ever where they are negative), then kills. Resolves when it has ended. `verb`: who asks,
   * for the death certificate.
   */
  async stop(container: Container, seconds = 10, verb = 'stop', watch?: Watch): Promise<void> {
    if (!container.isRunning) return
    container.watch = watch
    const ended = new Promise<void>((resolve) => container.events.once('end', resolve))
    const steps = this.planStop(container, seconds)
    this.noteAsked(container, verb, this.stopSignal(container))
    await executeSteps(steps, {
      effects: {
        'container.wait': () => atMost(ended, seconds).then(() => undefined),
        'container.kill': () => this.killHard(container),
      },
      watch,
    })
    await ended
  }

  private killHard(container: Container, verb?: string): Promise<undefined> {
    if (container.isRunning) this.killAtOnce(container, verb)
    return Promise.resolve(undefined)
  }

  private killAtOnce(container: Container, verb?: string): void {
    const { asked } = container.record
    if (verb !== undefined || asked === undefined) this.noteAsked(container, verb ?? 'stop', signalNumber('SIGKILL'))
    else {
      asked.killedAt = new Date().toISOString()
      this.containers.save(container)
    }
    const cgroup = this.cgroup(container.record)
    if (cgroup !== undefined && existsSync(cgroup) && killAll(cgroup)) return
    if (container.isRunning && container.record.process !== undefined)
      signalProcess(container.record.process, 'SIGKILL')
  }

  planHardEnd({ record }: Container): Step[] {
    return [planKillHard({ pid: record.process?.pid ?? 0, cgroup: this.cgroup(record) })]
  }

  async remove(container: Container, force: boolean, watch?: Watch): Promise<void> {
    this.claim(container)
    container.watch = watch
    if (container.isRunning) {
      if (!force)
        throw new Failure(`container ${container.record.name} is running`, {
          id: 'container.running',
          try: `glasspod stop ${container.record.name}, or rm -f`,
          status: 409,
          exitCode: 125,
        })
      const removed = new Promise<void>((resolve) => container.events.once('removed', resolve))
      const automatic = container.record.body.HostConfig?.AutoRemove === true
      const ended = new Promise<void>((resolve) => container.events.once('end', resolve))
      const effects = { 'container.kill': () => this.killHard(container, 'rm -f') }
      await executeSteps(this.planHardEnd(container), { effects, watch })
      await (automatic ? removed : ended)
      if (automatic) return
    }
    await this.containers.remove(container)
    this.onEnd()
  }

  /** After a crash of the agent: what runs is watched again, what ended is noted, what was half-made goes. */
  adopt(): void {
    for (const path of [...this.containers.remains, ...this.pods.remains])
      rmSync(path, { recursive: true, force: true })
    for (const container of this.containers.all.values()) {
      const { alive, exit } = monitorFiles(container.directory)
      const held = existsSync(alive) && isHeld(alive)
      const started = container.isRunning || held || existsSync(exit)
      if (!started) {
        this.sweep(container)
        continue
      }
      this.keepForClients(container)
      // 'exited' and held, or with another end than the one noted: it was being started again when the agent died.
      if (container.record.status === 'exited' && !held && !this.endedAgain(container)) {
        this.sweep(container)
        if (container.record.body.HostConfig?.AutoRemove === true) void this.removeItself(container)
        continue
      }
      if (!container.isRunning) this.noteFound(container)
      if (container.record.body.OpenStdin === true) container.input = openInput(container.directory)
      void this.watch(container)
    }
    for (const pod of this.pods.all.values())
      if (pod.pause !== undefined && !this.pods.isRunning(pod)) void this.pods.stop(pod)
      else if (pod.implicit && this.containers.inPod(pod).every(({ isRunning }) => !isRunning)) void this.pods.stop(pod)
  }

  /** The agent died between the note of the end and the clean-up: what the last run left is not this run's evidence. */
  private sweep({ record }: Container): void {
    const cgroup = this.cgroup(record)
    if (cgroup !== undefined && existsSync(cgroup))
      endTree(cgroup).catch((error: unknown) => console.error(`sweep ${record.name}:`, error))
  }

  private endedAgain({ record, directory }: Container): boolean {
    const ending = readEnding(directory)
    return ending !== undefined && record.finishedAt !== undefined && ending.finishedAt !== record.finishedAt
  }

  /** The agent died between the start and its note. */
  private noteFound(container: Container): void {
    container.record.status = 'running'
    container.record.startedAt = new Date().toISOString()
    this.containers.save(container)
  }
}
