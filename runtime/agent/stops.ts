/** How a container is asked to end, and made to: signals, their limits of time, and the note of who asked. */
import { existsSync } from 'node:fs'
import { executeSteps, type Watch } from '../execute.ts'
import { killAll } from '../kernel/cgroups/leaf.ts'
import { isAlive, signalProcess } from '../kernel/processes.ts'
import { planKillHard, planSignal, planThaw, planWait } from '../plan/lifecycle.ts'
import type { Step } from '../plan/step.ts'
import { parseSignal, signalNumber } from '../spec/signals.ts'
import type { Asked } from '../see/certificate.ts'
import { atMost } from './at-most.ts'
import type { Container, Containers } from './containers.ts'
import type { Leaves } from './leaves.ts'
import { notRunning } from './monitored.ts'
import { stopSignal, type Restarts } from './restarts.ts'

type Who = Pick<Asked, 'verb' | 'lostPause'>

export class Stops {
  private readonly containers: Containers
  private readonly leaves: Leaves
  private readonly restarts: Restarts

  constructor({ containers, leaves, restarts }: { containers: Containers; leaves: Leaves; restarts: Restarts }) {
    this.restarts = restarts
    this.containers = containers
    this.leaves = leaves
  }

  /** On disk before it is done: the agent may die in between. */
  private noteAsked(container: Container, who: Who, signal: number): void {
    container.record.asked = { ...who, signal, at: new Date().toISOString() }
    this.containers.note(container)
  }

  planKill(container: Container, word = 'SIGKILL'): Step[] {
    const signal = parseSignal(word)
    const { record, isRunning } = container
    if (!isRunning || record.process === undefined) throw notRunning(record.name)
    const { pid } = record.process
    const why = 'The kernel delivers it to the first process of the container.'
    const cgroup = this.leaves.of(record)
    // SIGKILL ends what is frozen; any other signal that is to end it waits until it goes on.
    const thaws = this.leaves.isPaused(container) && [signalNumber('SIGTERM'), stopSignal(container)].includes(signal)
    return [
      ...(isAlive(record.process) ? [planSignal(pid, signal, why)] : []),
      ...(thaws && cgroup !== undefined ? [planThaw(cgroup)] : []),
    ]
  }

  async kill(container: Container, word = 'SIGKILL', verb = 'kill', watch?: Watch): Promise<void> {
    if (container.isRestarting && (await this.restarts.cancel(container))) return
    const steps = this.planKill(container, word)
    this.noteAsked(container, { verb }, parseSignal(word))
    await executeSteps(steps, { effects: {}, watch })
  }

  planStop(container: Container, seconds: number): Step[] {
    const ask = this.planKill(container, `${stopSignal(container)}`)
    const kill = seconds < 0 ? [] : this.planHardEnd(container)
    return [...ask, planWait(container.record.process?.pid ?? 0, seconds), ...kill]
  }

  /**
   * Asks, waits `seconds` (for ever where they are negative), then kills. Resolves when it has ended. `who` asks: for
   * the death certificate.
   */
  async stop(container: Container, seconds = 10, who: Who = { verb: 'stop' }, watch?: Watch): Promise<void> {
    if (await this.restarts.cancel(container)) return
    if (!container.isRunning) return
    container.watch = watch
    const ended = new Promise<void>((resolve) => container.events.once('end', resolve))
    const steps = this.planStop(container, seconds)
    this.noteAsked(container, who, stopSignal(container))
    await executeSteps(steps, {
      effects: {
        'container.wait': () => atMost(ended, seconds).then(() => undefined),
        'container.kill': () => this.killHard(container),
      },
      watch,
    })
    await ended
  }

  killHard(container: Container, verb?: string): Promise<undefined> {
    if (container.isRunning) this.killAtOnce(container, verb)
    return Promise.resolve(undefined)
  }

  private killAtOnce(container: Container, verb?: string): void {
    const { asked } = container.record
    if (verb !== undefined || asked === undefined)
      this.noteAsked(container, { verb: verb ?? 'stop' }, signalNumber('SIGKILL'))
    else {
      asked.killedAt = new Date().toISOString()
      this.containers.note(container)
    }
    const cgroup = this.leaves.of(container.record)
    if (cgroup !== undefined && existsSync(cgroup) && killAll(cgroup)) return
    if (container.isRunning && container.record.process !== undefined)
      signalProcess(container.record.process, 'SIGKILL')
  }

  planHardEnd({ record }: Container): Step[] {
    return [planKillHard({ pid: record.process?.pid ?? 0, cgroup: this.leaves.of(record) })]
  }
}
