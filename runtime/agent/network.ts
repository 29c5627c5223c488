/**
 * The node's network, made when the first pod asks for it: a namespace kept by a pause process of its own, the uplink to
 * the host, and one CNI network list. What runs is noted in the runtime directory, for the next agent.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Attachment, PluginHost } from '../../cni/runner.ts'
import type { Conflist } from '../../cni/conflist.ts'
import type { PublishHost } from '../../cni/publish.ts'
import { Failure, isFailure } from '../errors.ts'
import { isAlive, type ProcessIdentity, readIdentity, signalProcess } from '../kernel/processes.ts'
import { namespacePath } from '../kernel/namespaces.ts'
import { launchProgram } from '../launch.ts'
import { planNetworkHolder } from '../rootless/plan-node.ts'
import type { Uplink } from '../rootless/uplink.ts'
import type { Node } from './node.ts'
import type { PodRecord } from './records.ts'

interface NetworkNote {
  holder: ProcessIdentity
  uplink?: Uplink
  /** Why there is no uplink: pods reach each other, and nothing else. */
  uplinkMissing?: string
  /** What to do about it. */
  uplinkRemedy?: string
}

const NETWORK = 'glasspod'
const INTERFACE = 'eth0'

export class Network {
  private readonly node: Node
  private readonly noteFile: string
  private starting: Promise<NetworkNote> | undefined

  constructor(node: Node) {
    this.node = node
    this.noteFile = `${node.paths.run}/network.json`
  }

  /** The running network, or undefined. */
  read(): NetworkNote | undefined {
    if (!existsSync(this.noteFile)) return undefined
    const note = JSON.parse(readFileSync(this.noteFile, 'utf8')) as NetworkNote
    return isAlive(note.holder) ? note : undefined
  }

  /** Makes what is missing; pods that start at the same time wait for the same. */
  ensure(): Promise<NetworkNote> {
    const running = this.read()
    // Where it was missing, what it needs may be there by now: to ask is cheap.
    if (running?.uplink !== undefined && isAlive(running.uplink)) return Promise.resolve(running)
    this.starting ??= this.start(running).finally(() => (this.starting = undefined))
    return this.starting
  }

  private async start(running: NetworkNote | undefined): Promise<NetworkNote> {
    const holder = running?.holder ?? (await this.startHolder())
    const note: NetworkNote = { holder }
    try {
      const { startUplink } = await import('../rootless/uplink.ts')
      note.uplink = await startUplink({ netnsPid: holder.pid, runDir: this.node.paths.run })
    } catch (error) {
      if (!isFailure(error)) throw error
      note.uplinkMissing = error.message
      if (error.facts.try !== undefined) note.uplinkRemedy = error.facts.try
    }
    writeFileSync(this.noteFile, JSON.stringify(note))
    return note
  }

  private async startHolder(): Promise<ProcessIdentity> {
    const { argv, inside, program } = planNetworkHolder(this.node.paths.run, this.node.host.mappedIds)
    const pid = await launchProgram({ prefix: argv, calls: inside, file: program })
    const identity = readIdentity(pid)
    if (identity === undefined) throw new Failure('the network holder ended at once', { id: 'network.holder' })
    return identity
  }

  private prefix(note: NetworkNote): string[] {
    return ['nsenter', `--net=${namespacePath(note.holder.pid, 'net')}`, '--']
  }

  get conflistFile(): string {
    return `${this.node.paths.networks}/${NETWORK}.conflist`
  }

  /** The list of the pods' network, made with our defaults where there is none. */
  async conflist(): Promise<Conflist> {
    const { defaultConflist, inSession, parseConflist } = await import('../../cni/conflist.ts')
    const file = this.conflistFile
    const dataDir = `${this.node.paths.run}/cni`
    if (!existsSync(file)) {
      mkdirSync(this.node.paths.networks, { recursive: true, mode: 0o700 })
      const list = defaultConflist({ name: NETWORK, dataDir })
      writeFileSync(file, `${JSON.stringify(list, null, 2)}\n`, { mode: 0o600 })
    }
    return inSession(parseConflist(readFileSync(file, 'utf8'), file), dataDir)
  }

  private pluginHost(note: NetworkNote): PluginHost {
    const cacheDir = `${this.node.paths.run}/cni-cache`
    mkdirSync(cacheDir, { recursive: true, mode: 0o700 })
    return { path: [`${this.node.paths.lib}/cni`, '/usr/lib/cni', '/opt/cni/bin'], prefix: this.prefix(note), cacheDir }
  }

  private attachment(pod: PodRecord): Attachment {
    return { containerId: pod.id, netns: namespacePath(pod.pause?.pid ?? 0, 'net'), ifName: INTERFACE }
  }

  /** Wires the pod's namespace to the bridge; its address. */
  async attach(pod: PodRecord): Promise<string | undefined> {
    const note = await this.ensure()
    const [{ addNetwork }, { podAddress }] = await Promise.all([
      import('../../cni/runner.ts'),
      import('../../cni/result.ts'),
    ])
    const address = podAddress(await addNetwork(await this.conflist(), this.attachment(pod), this.pluginHost(note)))
    if (address === undefined || pod.publish.length === 0) return address
    try {
      await this.publish(note, pod.publish, address)
    } catch (error) {
      await this.detach({ ...pod, ip: address })
      throw error
    }
    return address
  }

  /** Where published ports come in: the uplink's side, and the bridge's own addresses. */
  private async publishHost(note: NetworkNote): Promise<PublishHost> {
    if (note.uplink === undefined)
      throw new Failure('ports cannot be published without an uplink', {
        id: 'ports.uplink',
        found: note.uplinkMissing,
        try: note.uplinkRemedy,
        exitCode: 125,
      })
    const { nodeNetworks } = await import('./node-networks.ts')
    return {
      // What a dead one had opened is gone with it.
      apiSocket: isAlive(note.uplink) ? note.uplink.apiSocket : undefined,
      uplinkAddress: note.uplink.address,
      networks: nodeNetworks(await this.conflist()),
      prefix: this.prefix(note),
    }
  }

  private async publish(note: NetworkNote, words: readonly string[], address: string): Promise<void> {
    const [{ addPorts }, { parsePublish }] = await Promise.all([
      import('../../cni/publish.ts'),
      import('../../cni/ports.ts'),
    ])
    await addPorts(words.flatMap(parsePublish), address, await this.publishHost(note))
  }

  /** Whether pods could publish these, once those of some addresses are gone. */
  async checkPublish(words: readonly string[], addressesThatGo: readonly string[]): Promise<void> {
    if (words.length === 0) return
    const [{ checkPorts }, { parsePublish }] = await Promise.all([
      import('../../cni/publish.ts'),
      import('../../cni/ports.ts'),
    ])
    const note = this.read()
    // An uplink that has died, or was missing, is started with the pod.
    const hasUplink = note?.uplink !== undefined && isAlive(note.uplink)
    await checkPorts(words.flatMap(parsePublish), addressesThatGo, hasUplink ? await this.publishHost(note) : undefined)
  }

  /** Takes back what attach did; repeating it is no error. */
  async detach(pod: PodRecord): Promise<void> {
    const note = this.read()
    if (note === undefined) return
    if (pod.publish.length > 0 && pod.ip !== undefined && note.uplink !== undefined) {
      const { removePorts } = await import('../../cni/publish.ts')
      await removePorts(pod.ip, await this.publishHost(note))
    }
    const { delNetwork } = await import('../../cni/runner.ts')
    await delNetwork(await this.conflist(), this.attachment(pod), this.pluginHost(note))
  }

  async published(
    address: string,
  ): Promise<{ hostIp: string; hostPort: number; containerPort: number; protocol: string }[]> {
    const note = this.read()
    if (note?.uplink === undefined) return []
    const { listPorts } = await import('../../cni/publish.ts')
    return (await listPorts(await this.publishHost(note))).filter(({ podAddress }) => podAddress === address)
  }

  /** Ends the namespace and the uplink: with them go the bridge, the routes and the rules. */
  async stop(): Promise<void> {
    const note = this.read()
    if (note === undefined) return
    if (note.uplink !== undefined) {
      const { stopUplink } = await import('../rootless/uplink.ts')
      await stopUplink(note.uplink)
    }
    signalProcess(note.holder, 'SIGTERM')
  }
}
