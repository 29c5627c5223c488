/** Containers that their restart policy starts again: the wait before each attempt, and how a user ends it. */
import { parseSignal, signalNumber } from '../spec/signals.ts'
import { isFollowed, nextDelay } from '../spec/restart.ts'
import type { Container, Containers } from './containers.ts'
import type { Pods } from './pods.ts'

interface Attempt {
  timer: NodeJS.Timeout
  /** What the last run held is given back, and the pod kept. */
  ready: Promise<unknown>
}

/** The signal by which a container is asked to end. */
export const stopSignal = ({ record: { body, stopSignal: ofImage = 'SIGTERM' } }: Container): number =>
  parseSignal(body.StopSignal === undefined || body.StopSignal === '' ? ofImage : body.StopSignal)

/** As with Docker: SIGHUP by `kill` may end it, but is not meant to. */
const wasAskedToEnd = (container: Container): boolean => {
  const { asked } = container.record
  // Of a pod that lost its pause process: the policy decides.
  return (
    asked !== undefined &&
    asked.lostPause === undefined &&
    [signalNumber('SIGKILL'), stopSignal(container)].includes(asked.signal)
  )
}

export class Restarts {
  private readonly containers: Containers
  private readonly pods: Pods
  private readonly waiting = new Map<string, Attempt>()
  private readonly underway = new Map<string, Promise<void>>()
  /** Starts it; the supervisor's. Never rejects. */
  attempt: (container: Container) => Promise<void> = () => Promise.resolve()

  constructor({ containers, pods }: { containers: Containers; pods: Pods }) {
    this.containers = containers
    this.pods = pods
  }

  /** After a run, or an attempt that failed: notes when the next is due. False: it stays as it is. */
  note(container: Container, ranMs: number): boolean {
    const { record } = container
    const run = { exitCode: record.exitCode, restarts: record.restarts, wasAsked: wasAskedToEnd(container) }
    if (!isFollowed(record.body.HostConfig?.RestartPolicy, run)) {
      delete record.restart
      return false
    }
    const delayMs = nextDelay(record.restart?.delayMs, ranMs)
    record.status = 'restarting'
    record.restart = { delayMs, due: new Date(Date.now() + delayMs).toISOString() }
    return true
  }

  /** When it is due, and what the last run held is given back. */
  schedule(container: Container, ready: Promise<unknown> = Promise.resolve()): void {
    const { id, restart } = container.record
    const wait = Math.max(0, Math.min(Date.parse(restart?.due ?? '') - Date.now() || 0, restart?.delayMs ?? 0))
    const timer = setTimeout(() => void this.begin(container, ready), wait)
    this.waiting.set(id, { timer, ready })
  }

  private async begin(container: Container, ready: Promise<unknown>): Promise<void> {
    const { id } = container.record
    this.waiting.delete(id)
    const attempt = ready.then(() => this.attempt(container)).finally(() => this.underway.delete(id))
    this.underway.set(id, attempt)
    await attempt
  }

  /** Somebody starts it: nobody else will. */
  forget({ record }: Container): void {
    clearTimeout(this.waiting.get(record.id)?.timer)
    this.waiting.delete(record.id)
    delete record.restart
    delete record.last
    record.restarts = 0
    if (record.status === 'restarting') record.status = 'exited'
  }

  /** True: it was waiting for its next run, and stays ended. An attempt that is under way is over first. */
  async cancel(container: Container): Promise<boolean> {
    const { record } = container
    await this.underway.get(record.id)
    const attempt = this.waiting.get(record.id)
    if (attempt === undefined) return false
    clearTimeout(attempt.timer)
    this.waiting.delete(record.id)
    record.status = 'exited'
    delete record.restart
    this.containers.note(container)
    await attempt.ready
    const pod = this.pods.get(record.podId)
    if (pod.implicit) await this.pods.stop(pod)
    container.events.emit('end')
    return true
  }
}
