/**
 * Pods that lose their pause process. Its containers run on, in namespaces that nobody can join any more: so they are
 * ended, and what their restart policies start again gets a new pause process, namespaces and address. A kubelet does
 * the same with a sandbox that is not ready (computePodActions in kuberuntime_manager.go: SandboxChanged).
 */
import { existsSync } from 'node:fs'
import type { Watch } from '../execute.ts'
import { isAlive, type ProcessIdentity } from '../kernel/processes.ts'
import { ALIVE } from '../plan/monitor.ts'
import { isHeld, whenReleased } from './alive.ts'
import type { Container, Containers } from './containers.ts'
import type { Pods } from './pods.ts'
import type { PodRecord } from './records.ts'
import type { Stops } from './stops.ts'

/** So long each container may take, as with `stop`. */
const PATIENCE_SECONDS = 10

const lives = ({ isRunning, record }: Container): boolean =>
  isRunning && record.process !== undefined && isAlive(record.process)

export class Losses {
  private readonly pods: Pods
  private readonly containers: Containers
  private readonly stops: Stops
  private readonly underway = new Map<string, Promise<void>>()

  constructor({ pods, containers, stops }: { pods: Pods; containers: Containers; stops: Stops }) {
    this.pods = pods
    this.containers = containers
    this.stops = stops
    pods.onRunning = (pod) => void this.follow(pod)
    pods.endRest = (pod, watch) => this.endRest(pod, watch)
  }

  private pipe(pod: PodRecord): string {
    return `${this.pods.directory(pod.id)}/${ALIVE}`
  }

  /** The pid of the pause process, if that has ended and nobody here has ended it; asked before the record is changed. */
  lostPid(pod: PodRecord): number | undefined {
    if (pod.lost !== undefined) return pod.lost.pid
    const { pause } = pod
    if (pause === undefined || pod.implicit || this.pods.isEnding(pod)) return undefined
    // As process 1 of a PID namespace it is dying while it waits for the others to: its descriptors are closed by then.
    const ended = !isAlive(pause) || (existsSync(this.pipe(pod)) && !isHeld(this.pipe(pod)))
    return ended ? pause.pid : undefined
  }

  /** From now on: its end is acted on the moment it happens. For a pod that runs. */
  async follow(pod: PodRecord): Promise<void> {
    const { pause } = pod
    if (pause === undefined) return
    await whenReleased(this.pipe(pod))
    const isSame = () => this.pods.all.get(pod.id) === pod && pod.pause === pause
    if (isSame() && this.lostPid(pod) !== undefined)
      await this.endRest(pod).catch((error: unknown) => console.error(`end pod ${pod.name}:`, error))
  }

  /** Once, whoever finds out, and however many. */
  endRest(pod: PodRecord, watch?: Watch): Promise<void> {
    const underway = this.underway.get(pod.id)
    if (underway !== undefined) return underway
    if (pod.pause === undefined) return Promise.resolve()
    if (pod.implicit) return this.pods.stop(pod, watch)
    const ending = this.endOnce(pod, pod.pause, watch).finally(() => this.underway.delete(pod.id))
    this.underway.set(pod.id, ending)
    return ending
  }

  private async endOnce(pod: PodRecord, { pid }: ProcessIdentity, watch?: Watch): Promise<void> {
    pod.lost ??= { pid, at: new Date().toISOString() }
    this.pods.note(pod)
    const because = { verb: 'pod', lostPause: pid }
    await Promise.all(
      this.containers
        .inPod(pod)
        .filter(lives)
        .map((container) => this.stops.stop(container, PATIENCE_SECONDS, because, watch)),
    )
    await this.pods.stop(pod, watch)
  }

  /** Resolves when nothing of a lost pod is being ended. */
  async settled(pod: PodRecord): Promise<void> {
    await this.underway.get(pod.id)?.catch(() => undefined)
  }
}
