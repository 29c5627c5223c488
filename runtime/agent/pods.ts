/** Pods: the pause process, what it shares, its address, and the files in /etc that all its containers see. */
import { existsSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Failure } from '../errors.ts'
import { executeSteps, undoSteps, type Execution, type Watch } from '../execute.ts'
import { readHandedDown } from '../kernel/cgroups/controllers.ts'
import { isAlive, readIdentity, signalProcess } from '../kernel/processes.ts'
import { launchProgram } from '../launch.ts'
import { planLimits } from '../plan/limits.ts'
import { planPodCreation, planPodRemoval, planPodSteps, volumesOf } from '../plan/pod.ts'
import type { Step } from '../plan/step.ts'
import { planUndo } from '../plan/undo.ts'
import { planUnmount } from '../pod/memory.ts'
import { isAsked, pickLimits } from '../spec/limits.ts'
import type { OciConfig, OciMount } from '../spec/oci.ts'
import { checkHostname, checkNetworkMode, checkPublish, checkShare, type PodRequest } from './pod-request.ts'
import { requireLimits } from './limits.ts'
import { checkName, findByWord, inventName, newId, shortId, unknownThing } from './naming.ts'
import type { Discards } from './discards.ts'
import type { Network } from './network.ts'
import type { Node } from './node.ts'
import { Records, type PodRecord } from './records.ts'
import { endTree } from './end-tree.ts'
import { whenGone } from './when-gone.ts'

const nothing = Promise.resolve(undefined)

const SHARED = ['net', 'ipc', 'uts'] as const

export class Pods {
  readonly all = new Map<string, PodRecord>()
  readonly remains: string[]
  private readonly records: Records<PodRecord>
  private readonly starting = new Map<string, Promise<void>>()
  /** Addresses that are given back while nobody waits, by their pods' ids. */
  private readonly leaving = new Map<string, Promise<void>>()
  private readonly ending = new Set<string>()
  private readonly node: Node
  private readonly network: Network
  private readonly discards: Discards
  /** Called when the pause process of one runs that is not for one container alone. */
  onRunning: (pod: PodRecord) => void = () => undefined
  /** Ends what is left of a pod whose pause process is gone. */
  endRest: (pod: PodRecord, watch?: Watch) => Promise<void> = (pod, watch) => this.stop(pod, watch)

  constructor(node: Node, network: Network, discards: Discards) {
    this.node = node
    this.discards = discards
    this.network = network
    this.records = new Records(node.paths.pods, 'pod.json')
    const { records, remains } = this.records.readAll()
    this.remains = remains
    for (const record of records)
      if (record.goes !== true) this.all.set(record.id, record)
      else this.remove(record).catch((error: unknown) => console.error(`remove pod ${record.name}:`, error))
  }

  find(word: string): PodRecord {
    const found = findByWord(
      [...this.all.values()].filter(({ implicit }) => !implicit),
      word,
    )
    if (found === undefined) throw unknownThing('pod', word)
    return found
  }

  get(id: string): PodRecord {
    const found = this.all.get(id)
    if (found === undefined) throw unknownThing('pod', id)
    return found
  }

  directory(id: string): string {
    return this.records.pathOf(id)
  }

  /** The pod of a request that holds, not yet kept anywhere. */
  async make(request: PodRequest, id = newId()): Promise<PodRecord> {
    const taken = (name: string) => [...this.all.values()].some((pod) => !pod.implicit && pod.name === name)
    if (request.name !== undefined && !request.implicit && taken(checkName(request.name)))
      throw new Failure(`the pod name '${request.name}' is in use`, {
        id: 'name.in-use',
        try: `another name, or: glasspod pod rm ${request.name}`,
        status: 409,
        exitCode: 125,
      })
    const share = checkShare(request.share ?? [...SHARED], this.node)
    const network = checkNetworkMode(request.network, share)
    const name = request.name ?? inventName(taken)
    await checkPublish(request.publish ?? [], network)
    const limits = pickLimits(request.limits ?? {})
    const resources = requireLimits(this.node, limits)
    return {
      id,
      name,
      implicit: request.implicit ?? false,
      hostname:
        request.implicit && request.hostname === undefined ? id.slice(0, 12) : checkHostname(request.hostname ?? name),
      share,
      network,
      publish: request.publish ?? [],
      labels: request.labels ?? {},
      extraHosts: request.extraHosts ?? [],
      ...(isAsked(limits) ? { limits, resources } : {}),
      ...(request.memoryVolumes === undefined ? {} : { memoryVolumes: request.memoryVolumes }),
      ...(request.played === true ? { played: true } : {}),
      created: new Date().toISOString(),
    }
  }

  /** Whether these ports can be published once some pods are gone. */
  checkPorts(words: readonly string[], replaced: readonly PodRecord[]): Promise<void> {
    return this.network.checkPublish(
      words,
      replaced.flatMap(({ ip }) => ip ?? []),
    )
  }

  async create(request: PodRequest, watch?: Watch): Promise<PodRecord> {
    const pod = await this.make(request)
    await executeSteps(planPodCreation(this.directory(pod.id), request.volumes), {
      effects: {
        'pod.volumes.remove': ({ path }) => rm(String(path), { recursive: true }).then(() => undefined),
        'pod.record': () => Promise.resolve(this.records.write(pod)).then(() => undefined),
        'pod.remove': () => this.removeFiles(pod),
      },
      watch,
    })
    this.all.set(pod.id, pod)
    return pod
  }

  save(pod: PodRecord): void {
    this.records.write(pod)
  }

  note(pod: PodRecord): void {
    this.records.note(pod)
  }

  isRunning(pod: PodRecord): boolean {
    return pod.pause !== undefined && pod.lost === undefined && isAlive(pod.pause)
  }

  /** Somebody ends it at this moment, and means to. */
  isEnding({ id }: PodRecord): boolean {
    return this.ending.has(id)
  }

  cgroup(pod: PodRecord): string | undefined {
    return this.node.cgroup === undefined ? undefined : `${this.node.cgroup}/pod-${shortId(pod.id)}`
  }

  /** Starts the pause process and wires the network; containers that start at once wait for one start. */
  start(pod: PodRecord, watch?: Watch): Promise<void> {
    // First: its pause process runs before all of it is there.
    const running = this.starting.get(pod.id)
    if (running !== undefined) return running
    if (this.isRunning(pod)) return Promise.resolve()
    const start = this.run(pod, watch).finally(() => this.starting.delete(pod.id))
    this.starting.set(pod.id, start)
    return start
  }

  /** Resolves when it is not being started any more, whether it came up or not. */
  async started({ id }: PodRecord): Promise<void> {
    await this.starting.get(id)?.catch(() => undefined)
  }

  /** What makes it; pure but for the controllers that its cgroup would have. */
  plan(pod: PodRecord): Step[] {
    const path = this.cgroup(pod)
    return planPodSteps({
      directory: this.directory(pod.id),
      hostname: pod.hostname,
      share: pod.share,
      network: pod.network,
      watched: !pod.implicit,
      memory: this.sharesMemory(pod),
      memoryVolumes: (pod.memoryVolumes ?? []).map(({ name, size }) => ({
        path: `${this.volumes(pod)}/${name}`,
        ...(size === undefined ? {} : { size }),
      })),
      ...(path === undefined
        ? {}
        : {
            cgroup: {
              path,
              controllers: readHandedDown(this.node.cgroup ?? ''),
              limits: planLimits(pod.resources ?? {}),
            },
          }),
      mappedIds: this.node.host.mappedIds,
      conflist: this.network.conflistFile,
      publish: pod.publish,
    })
  }

  private execution(pod: PodRecord, watch?: Watch): Execution {
    return {
      watch,
      effects: {
        'network.attach': () => this.network.attach(pod),
        // An address was asked for only once there was a namespace to put it in.
        'network.detach': () => (pod.pause === undefined ? nothing : this.network.detach(pod).then(() => undefined)),
        'pod.files': () => this.writeFiles(pod).then(() => undefined),
        'pod.unmount': ({ path }) => this.unmount(String(path)).then(() => undefined),
        'pod.end': () => this.endPause(pod).then(() => undefined),
        'cgroups.remove': ({ path }) => endTree(String(path)).then(() => undefined),
      },
      onValue: (id, value) => {
        if (id === 'pod.pause') pod.pause = readIdentity(Number(value)) ?? { pid: Number(value), startTime: 0 }
        if (id === 'network.attach') pod.ip = value
        this.records.write(pod)
      },
    }
  }

  private async run(pod: PodRecord, watch?: Watch): Promise<void> {
    // Its pause process was killed, by whomever: what it left goes first, and whoever is still in the old namespaces.
    if (pod.pause !== undefined || pod.lost !== undefined) await this.endRest(pod, watch)
    delete pod.lost
    // The network of the node takes the longest at first: it comes up while the pause process does.
    if (pod.network === 'bridge') this.network.ensure().catch(() => undefined)
    await this.leaving.get(pod.id)
    try {
      await executeSteps(this.plan(pod), this.execution(pod, watch))
      if (!pod.implicit) this.onRunning(pod)
    } catch (error) {
      delete pod.ip
      this.note(pod)
      throw error
    }
  }

  /** Containers that share IPC share /dev/shm: POSIX shared memory is files there (shm_overview(7)). */
  private sharesMemory(pod: PodRecord): boolean {
    return !pod.implicit && pod.share.includes('ipc')
  }

  memory(pod: PodRecord): string {
    return `${this.directory(pod.id)}/shm`
  }

  /** Where its own volumes are, by name. */
  volumes(pod: PodRecord): string {
    return volumesOf(this.directory(pod.id))
  }

  /** Its own memory, mounted while it runs. */
  private mountPoints(pod: PodRecord): string[] {
    return [this.memory(pod), ...(pod.memoryVolumes ?? []).map(({ name }) => `${this.volumes(pod)}/${name}`)]
  }

  /** A directory, also while the pod is only planned. */
  isMountPoint(pod: PodRecord, path: string): boolean {
    return this.mountPoints(pod).includes(path)
  }

  private async unmount(path: string): Promise<void> {
    if (!existsSync(path)) return
    await launchProgram({ prefix: [], calls: planUnmount(path), file: `${path}.unmount` })
    rmdirSync(path)
  }

  /** /etc/hosts, /etc/hostname and /etc/resolv.conf, the same for every container of the pod. */
  private async writeFiles(pod: PodRecord): Promise<void> {
    const { parseAddHost, planHosts, planResolvConf } = await import('../../cni/dns.ts')
    const uplink = pod.network === 'bridge' ? this.network.read()?.uplink : undefined
    const directory = this.directory(pod.id)
    const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)
    const hosts = planHosts({
      hostname: pod.hostname,
      address: pod.ip,
      hostAddress: uplink?.hostAddress,
      extra: pod.extraHosts.map((entry) => parseAddHost(entry, uplink?.hostAddress)),
    })
    const resolv = planResolvConf({
      host: read('/etc/resolv.conf') ?? '',
      systemd: read('/run/systemd/resolve/resolv.conf'),
      forwarder: uplink?.dns,
    })
    writeFileSync(`${directory}/hosts`, hosts, { mode: 0o644 })
    writeFileSync(`${directory}/resolv.conf`, resolv, { mode: 0o644 })
    writeFileSync(`${directory}/hostname`, `${pod.hostname}\n`, { mode: 0o644 })
  }

  mounts(pod: PodRecord): OciMount[] {
    const bind = (source: string, destination: string, options: string[]): OciMount => ({
      destination,
      type: 'bind',
      source: `${this.directory(pod.id)}/${source}`,
      options: ['rbind', ...options],
    })
    return [
      ...['hosts', 'resolv.conf', 'hostname'].map((name) => bind(name, `/etc/${name}`, [])),
      ...(this.sharesMemory(pod) ? [bind('shm', '/dev/shm', ['nosuid', 'noexec', 'nodev'])] : []),
    ]
  }

  /** The namespaces of a container of this pod: the shared ones by the path of the pause process's. */
  namespaces(pod: PodRecord): OciConfig['linux']['namespaces'] {
    const path = (name: string) => `/proc/${pod.pause?.pid ?? '$POD_PAUSE'}/ns/${name}`
    return [
      { type: 'mount' },
      { type: 'cgroup' },
      ...(pod.share.includes('uts') ? [{ type: 'uts' as const, path: path('uts') }] : [{ type: 'uts' as const }]),
      ...(pod.share.includes('ipc') ? [{ type: 'ipc' as const, path: path('ipc') }] : [{ type: 'ipc' as const }]),
      ...(pod.network === 'host'
        ? []
        : pod.share.includes('net')
          ? [{ type: 'network' as const, path: path('net') }]
          : [{ type: 'network' as const }]),
      ...(pod.share.includes('pid')
        ? [{ type: 'pid' as const, path: path('pid_for_children') }]
        : [{ type: 'pid' as const }]),
    ]
  }

  /** The record stays while its address is in use: an agent that dies meanwhile leaves it to the next. */
  private removeFiles({ id }: PodRecord): Promise<undefined> {
    const discard = () => this.discards.discard(this.directory(id))
    const leaving = this.leaving.get(id)
    if (leaving === undefined) discard()
    else void leaving.then(discard)
    return nothing
  }

  /** Nobody needs the address of a pod that goes: a plugin takes longer to give it back than all the rest. */
  private detachLater(pod: PodRecord): Promise<undefined> {
    // An implicit one is gone when its container is.
    if (!pod.implicit) this.note({ ...pod, goes: true })
    const detached = this.network
      .detach({ ...pod })
      .catch((error: unknown) => console.error(`detach ${pod.name}:`, error))
      .then(() => void this.leaving.delete(pod.id))
    this.leaving.set(pod.id, detached)
    return nothing
  }

  /** Resolves when no address is being given back. */
  async settled(): Promise<void> {
    await Promise.all(this.leaving.values())
  }

  private hasTraces(pod: PodRecord): boolean {
    const cgroup = this.cgroup(pod)
    return (
      pod.pause !== undefined || this.mountPoints(pod).some(existsSync) || (cgroup !== undefined && existsSync(cgroup))
    )
  }

  private async endPause(pod: PodRecord): Promise<void> {
    if (pod.pause === undefined) return
    signalProcess(pod.pause, 'SIGKILL')
    await whenGone(pod.pause)
    delete pod.pause
  }

  /**
   * Takes back all that made it, whatever of it is there. Containers have ended before. `goes`: it is removed next, and
   * is not noted as one that was stopped.
   */
  async stop(pod: PodRecord, watch?: Watch, goes = false): Promise<void> {
    // The end of a namespace takes its interfaces along: the plugin then has an address to give back, and no more.
    this.ending.add(pod.id)
    if (pod.pause !== undefined) signalProcess(pod.pause, 'SIGKILL')
    const execution = this.execution(pod, watch)
    // A port that was published must be free when this is over; and who watches is to see it all.
    if (goes && pod.pause !== undefined && pod.publish.length === 0 && watch === undefined)
      execution.effects['network.detach'] = () => this.detachLater(pod)
    const failures = await undoSteps(this.plan(pod), execution).finally(() => this.ending.delete(pod.id))
    delete pod.ip
    if (!goes) this.note(pod)
    if (failures.length > 0) throw failures[0]
  }

  /** What undoes it, where there is anything of it, and then its files. */
  planRemoval(pod: PodRecord): Step[] {
    return [...(this.hasTraces(pod) ? planUndo(this.plan(pod)) : []), planPodRemoval(this.directory(pod.id))]
  }

  async remove(pod: PodRecord, watch?: Watch): Promise<void> {
    if (this.hasTraces(pod)) await this.stop(pod, watch, true)
    await executeSteps([planPodRemoval(this.directory(pod.id))], {
      effects: { 'pod.remove': () => this.removeFiles(pod) },
      watch,
    })
    this.all.delete(pod.id)
  }
}
