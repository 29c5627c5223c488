/** The cgroup directory of each container: where it is, and what the kernel does to what is in it. */
import { readHandedDown } from '../kernel/cgroups/controllers.ts'
import { isFrozen } from '../kernel/cgroups/freezer.ts'
import type { Container } from './containers.ts'
import type { Places } from './death.ts'
import { notRunning } from './monitored.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { ContainerRecord, PodRecord } from './records.ts'
import { leafOf } from './start-plan.ts'

export class Leaves {
  private readonly node: Node
  private readonly pods: Pods

  constructor({ node, pods }: { node: Node; pods: Pods }) {
    this.node = node
    this.pods = pods
  }

  /** Undefined where no cgroup is delegated. */
  of(record: ContainerRecord, pod = this.pods.get(record.podId)): string | undefined {
    return leafOf(this.pods, record, pod)
  }

  /** Of a running container, for what works on it alone; undefined where there is none. */
  ofRunning({ isRunning, record }: Container): string | undefined {
    if (!isRunning) throw notRunning(record.name)
    return this.of(record)
  }

  /** Whether the kernel holds all of it where it is. */
  isPaused(container: Container): boolean {
    const cgroup = container.isRunning ? this.of(container.record) : undefined
    return cgroup !== undefined && isFrozen(cgroup) === true
  }

  places(record: ContainerRecord, pod: PodRecord): Places {
    return { leaf: this.of(record, pod), pod: this.pods.cgroup(pod) }
  }

  get hasMemory(): boolean {
    return this.node.cgroup !== undefined && readHandedDown(this.node.cgroup).includes('memory')
  }
}
