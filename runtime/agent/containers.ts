/** The containers: made, found, listed, removed. What runs them is in supervisor.ts. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Image } from '../../images/image.ts'
import { overlayLayers } from '../../images/snapshot.ts'
import { Failure } from '../errors.ts'
import { executeSteps, type Watch } from '../execute.ts'
import { planCreation, planRemoval } from '../plan/lifecycle.ts'
import type { Step } from '../plan/step.ts'
import type { CreateBody } from '../spec/create-body.ts'
import type { OciConfig } from '../spec/oci.ts'
import { pickWeights } from '../spec/limits.ts'
import { checkRestart } from '../spec/restart.ts'
import { parseSignal } from '../spec/signals.ts'
import type { StorageDriver } from '../spec/storage-drivers.ts'
import { requireLimits } from './limits.ts'
import { checkName, findByWord, ID, inventName, newId, unknownThing } from './naming.ts'
import { buildConfig } from './bundle.ts'
import type { PodRequest } from './pod-request.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { Discards } from './discards.ts'
import { Records, type ContainerRecord, type PodRecord } from './records.ts'

/** A container as the agent holds it: its record, and the events `start`, `end` (a run is over), `removed`. */
export class Container {
  readonly events = new EventEmitter().setMaxListeners(0)
  readonly record: ContainerRecord
  readonly directory: string
  /** The writing end of its standard input, while it runs and reads one. */
  input: Socket | undefined
  /** Adopted, or run for a client: until then it does not remove itself (Date.now()). */
  keptUntil?: number
  /** What it was checked with when it was made; for a start that comes at once. */
  config?: OciConfig | undefined
  /** Who follows what is done with it at the moment. */
  watch: Watch | undefined

  constructor(record: ContainerRecord, directory: string) {
    this.record = record
    this.directory = directory
  }

  get isRunning(): boolean {
    return this.record.status === 'running'
  }

  /** Its policy will start it again. */
  get isRestarting(): boolean {
    return this.record.status === 'restarting'
  }

  /** It runs, or will again: nothing that needs it to have ended may be done. */
  get isUp(): boolean {
    return this.isRunning || this.isRestarting
  }
}

interface Options {
  id?: string | undefined
  name?: string | undefined
  pod?: string | undefined
  driver: StorageDriver
  watch?: Watch | undefined
}

export class Containers {
  readonly all = new Map<string, Container>()
  readonly remains: string[]
  /** Names and ids of what is being made: a copy of its layers takes its time, and so does who steps through it. */
  private readonly coming = new Set<string>()
  private readonly records: Records<ContainerRecord>
  private readonly node: Node
  private readonly pods: Pods
  private readonly discards: Discards

  constructor(node: Node, pods: Pods, discards: Discards) {
    this.node = node
    this.pods = pods
    this.discards = discards
    this.records = new Records(node.paths.containers, 'container.json')
    const { records, remains } = this.records.readAll()
    this.remains = remains
    for (const record of records) this.all.set(record.id, new Container(record, this.records.pathOf(record.id)))
  }

  find(word: string): Container {
    const found = findByWord(
      [...this.all.values()].map((container) => ({ id: container.record.id, name: container.record.name, container })),
      word,
    )
    if (found === undefined) throw unknownThing('container', word)
    return found.container
  }

  inPod(pod: PodRecord): Container[] {
    return [...this.all.values()].filter(({ record }) => record.podId === pod.id)
  }

  save({ record }: Container): void {
    this.records.write(record)
  }

  note({ record }: Container): void {
    this.records.note(record)
  }

  /** As it will be once its program runs: an agent that dies before that finds the end of it, and notes that. */
  saveStarting({ record }: Container, startedAt: string): void {
    const { exitCode: _, finishedAt: __, error: ___, ...rest } = record
    this.records.write({ ...rest, status: 'running', startedAt })
  }

  /**
   * What is wrong of a request whatever its name and its image.
   * @param pod that it is to be in, which need not be made yet
   */
  check(body: CreateBody, pod: PodRecord | undefined): void {
    checkRestart(body.HostConfig?.RestartPolicy, body.HostConfig?.AutoRemove === true)
    if (body.StopSignal !== undefined && body.StopSignal !== '') parseSignal(body.StopSignal)
    requireLimits(this.node, body.HostConfig ?? {}, pod)
    if (pod !== undefined) refuseInPod(body, pod)
  }

  /** Everything that can be wrong with the request is said here, before anything exists. */
  async create(body: CreateBody, image: Image, options: Options): Promise<Container> {
    if (options.id !== undefined) this.checkId(options.id)
    const taken = (name: string) =>
      this.coming.has(name) || [...this.all.values()].some(({ record }) => record.name === name)
    if (options.name !== undefined && taken(checkName(options.name)))
      throw new Failure(`the container name '${options.name}' is in use`, {
        id: 'name.in-use',
        try: `another name, or: glasspod rm ${options.name}`,
        status: 409,
        exitCode: 125,
      })
    const name = options.name ?? inventName(taken)
    const id = options.id ?? newId()
    for (const word of [name, id]) this.coming.add(word)
    try {
      return await this.make(body, image, { ...options, id, name })
    } finally {
      for (const word of [name, id]) this.coming.delete(word)
    }
  }

  private async make(
    body: CreateBody,
    image: Image,
    options: Options & { id: string; name: string },
  ): Promise<Container> {
    const { id, name } = options
    const pod = options.pod === undefined ? undefined : this.pods.find(options.pod)
    this.check(body, pod)
    const owner = pod ?? (await this.createImplicitPod(body, name, id, options.watch))
    const container = new Container(
      {
        id,
        name,
        podId: owner.id,
        image: { id: image.id, name: body.Image ?? '', diffIds: image.layers.map(({ diffId }) => diffId) },
        created: new Date().toISOString(),
        driver: options.driver,
        body,
        ...(image.config.stopSignal === undefined ? {} : { stopSignal: image.config.stopSignal }),
        status: 'created',
        logStart: 0,
        restarts: 0,
      },
      this.records.pathOf(id),
    )
    try {
      container.config = buildConfig({
        node: this.node,
        pods: this.pods,
        pod: owner,
        container: container.record,
        image,
      })
      await executeSteps(this.planCreation(container, image), {
        effects: {
          'container.copy': ({ layers }) => this.copyLayers(container, layers),
          'container.record': () => Promise.resolve(this.save(container)).then(() => undefined),
          'container.remove': () => this.removeFiles(container),
        },
        watch: options.watch,
      })
    } catch (error) {
      if (pod === undefined) await this.pods.remove(owner)
      throw error
    }
    this.all.set(id, container)
    return container
  }

  planCreation({ directory, record }: Pick<Container, 'directory' | 'record'>, image: Image): Step[] {
    const layers = overlayLayers({ layersDirectory: this.node.paths.layers }, image).toReversed()
    return planCreation({ directory, driver: record.driver ?? 'overlay', layers })
  }

  private async copyLayers({ directory }: Container, layers: string | string[] = []): Promise<undefined> {
    const { copyLayers } = await import('./copy-layers.ts')
    await copyLayers({ layers: [layers].flat(), target: `${directory}/upper`, scratch: `${directory}/found` })
    return undefined
  }

  /** A client may choose the id, to find its container again whatever becomes of the answer. */
  private checkId(id: string): void {
    if (!ID.test(id))
      throw new Failure(`invalid container id '${id}'`, {
        id: 'container.id',
        try: '64 hexadecimal digits',
        exitCode: 125,
        status: 400,
      })
    if (this.all.has(id) || this.coming.has(id))
      throw new Failure(`the container id ${id} is in use`, { id: 'container.id', exitCode: 125, status: 409 })
  }

  private createImplicitPod(body: CreateBody, name: string, id: string, watch?: Watch): Promise<PodRecord> {
    return this.pods.create(implicitPod(body, name, id), watch)
  }

  planRemoval({ directory }: Pick<Container, 'directory'>, pod: PodRecord): Step[] {
    return [planRemoval(directory), ...(pod.implicit ? this.pods.planRemoval(pod) : [])]
  }

  private removeFiles({ directory }: Container): Promise<undefined> {
    this.discards.discard(directory)
    return Promise.resolve(undefined)
  }

  /** Files and record; the container has ended before. */
  async remove(container: Container): Promise<void> {
    const { record, directory, watch } = container
    const effects = { 'container.remove': () => this.removeFiles(container) }
    await executeSteps([planRemoval(directory)], { effects, watch })
    this.all.delete(record.id)
    const pod = this.pods.all.get(record.podId)
    if (pod?.implicit === true) await this.pods.remove(pod, watch)
    container.events.emit('removed')
  }
}

/** As one would be that is not made. */
export const imagineRecord = (
  record: Pick<ContainerRecord, 'id' | 'name' | 'podId' | 'driver' | 'body'>,
  image: Image,
): ContainerRecord => ({
  ...record,
  image: { id: image.id, name: record.body.Image ?? '', diffIds: [] },
  created: '',
  status: 'created',
  logStart: 0,
  restarts: 0,
})

/** The pod that `run` without --pod makes. The container's id is its host name, as with Docker. */
export const implicitPod = (body: CreateBody, name: string, id: string): PodRequest => ({
  name,
  implicit: true,
  hostname: body.Hostname || id.slice(0, 12),
  network: body.HostConfig?.NetworkMode,
  publish: [...(body.Glasspod?.publish ?? []), ...portBindings(body)],
  extraHosts: body.HostConfig?.ExtraHosts ?? [],
  limits: pickWeights(body.HostConfig ?? {}),
})

/** Docker's PortBindings as the texts of -p. */
const portBindings = ({ HostConfig }: CreateBody): string[] =>
  Object.entries(HostConfig?.PortBindings ?? {}).flatMap(([port, bindings]) =>
    (bindings ?? [{}]).map(({ HostIp, HostPort }) =>
      [...(HostIp ? [HostIp] : []), ...(HostPort ? [HostPort] : HostIp ? [''] : []), port].join(':'),
    ),
  )

/** What belongs to the pod is asked of the pod: a flag that would be ignored is an error. */
const refuseInPod = (body: CreateBody, pod: PodRecord): void => {
  const asked = [
    ...(body.Hostname ? ['--hostname'] : []),
    ...((body.Glasspod?.publish ?? []).length > 0 || portBindings(body).length > 0 ? ['--publish'] : []),
    ...(body.HostConfig?.NetworkMode && body.HostConfig.NetworkMode !== 'default' ? ['--network'] : []),
    ...((body.HostConfig?.ExtraHosts ?? []).length > 0 ? ['--add-host'] : []),
  ]
  if (asked.length === 0) return
  throw new Failure(`${asked.join(', ')} cannot be set on a container of pod ${pod.name}`, {
    id: 'pod.shared',
    why: 'the pod’s containers share its host name, network and ports',
    try: `glasspod pod create ${asked.join(' ')} ...`,
    exitCode: 125,
    status: 400,
  })
}
