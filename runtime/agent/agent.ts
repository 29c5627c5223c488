/** The parts of the agent, put together once; the API's routes reach all of them through here. */
import { statSync } from 'node:fs'
import { Containers, type Container } from './containers.ts'
import { Discards } from './discards.ts'
import { Execs } from './execs.ts'
import { Images } from './images.ts'
import { Losses } from './losses.ts'
import { Leaves } from './leaves.ts'
import { monitorFiles } from './monitored.ts'
import { Network } from './network.ts'
import { readNode, type Node } from './node.ts'
import { Pods } from './pods.ts'
import { Restarts } from './restarts.ts'
import { Stops } from './stops.ts'
import { Storage } from './storage.ts'
import { Supervisor } from './supervisor.ts'
import { Traces } from './traces.ts'

export class Agent {
  readonly node: Node
  readonly discards: Discards
  readonly storage: Storage
  readonly images: Images
  readonly network: Network
  readonly pods: Pods
  readonly containers: Containers
  readonly leaves: Leaves
  readonly restarts: Restarts
  readonly stops: Stops
  readonly losses: Losses
  readonly supervisor: Supervisor
  readonly execs: Execs
  readonly traces = new Traces()
  readonly startedAt = new Date()
  /** Ends the process; what runs goes on. */
  leave: (how?: 'with-holder') => void = () => undefined

  constructor(root: string) {
    this.node = readNode(root)
    this.discards = new Discards(this.node.paths.discarded)
    this.storage = new Storage(this.node)
    this.images = new Images(
      this.node,
      () => new Map([...this.containers.all.values()].map(({ record }) => [record.image.id, record.name])),
    )
    this.network = new Network(this.node)
    this.pods = new Pods(this.node, this.network, this.discards)
    this.containers = new Containers(this.node, this.pods, this.discards)
    this.leaves = new Leaves(this)
    this.restarts = new Restarts(this)
    this.stops = new Stops(this)
    this.losses = new Losses(this)
    this.supervisor = new Supervisor(this)
    this.execs = new Execs(this)
  }

  get warnings(): string[] {
    return this.node.holder?.warnings ?? []
  }

  get running(): Container[] {
    return [...this.containers.all.values()].filter(({ isRunning }) => isRunning)
  }

  /** Who would miss it, by their names: containers that run, or are about to, and pods. */
  get needing(): string[] {
    return [
      ...[...this.containers.all.values()].filter(({ isUp }) => isUp).map(({ record }) => record.name),
      ...[...this.pods.all.values()]
        .filter((pod) => !pod.implicit && this.pods.isRunning(pod))
        .map(({ name }) => `pod ${name}`),
    ]
  }

  get isNeeded(): boolean {
    return (
      [...this.containers.all.values()].some(({ isUp }) => isUp) ||
      [...this.pods.all.values()].some((pod) => this.pods.isRunning(pod))
    )
  }

  logEnd(container: Container): number {
    return statSync(monitorFiles(container.directory).log, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Stops all that runs, each within its seconds. */
  async stopAll(seconds: number): Promise<void> {
    await Promise.all(
      [...this.containers.all.values()].map((container) => this.stops.stop(container, seconds, { verb: 'agent stop' })),
    )
    for (const pod of this.pods.all.values()) if (this.pods.isRunning(pod)) await this.pods.stop(pod)
  }
}
