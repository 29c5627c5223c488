/** What is there, for `glasspod graph`: processes and their namespaces, id maps, the way of a packet, the cgroup tree. */
import { readFileSync } from 'node:fs'
import { readTree, type CgroupNode } from '../kernel/cgroups/leaf.ts'
import { NAMESPACES, namespacePath, readNamespaceInode } from '../kernel/namespaces.ts'
import { isAlive, readComm } from '../kernel/processes.ts'
import { runProgram } from '../rootless/run-program.ts'
import { parseIdRanges } from '../see/host/id-map.ts'
import { DELEGATION_REMEDY } from '../rootless/cgroup-delegation.ts'
import type { Agent } from './agent.ts'
import type { PodRecord } from './records.ts'

const IP_MS = 5000
const POD_DEVICE = 'eth0'

const inodesOf = (pid: number) => Object.fromEntries(NAMESPACES.map((name) => [name, readNamespaceInode(pid, name)]))

/** As they were made: a new agent reads them in another order. */
const listPods = (agent: Agent): PodRecord[] =>
  [...agent.pods.all.values()].sort((one, other) => (one.created < other.created ? -1 : 1))

const listRows = (agent: Agent) => {
  const row = (pod: string, name: string, kind: string, pid: number) => ({
    pod,
    name,
    kind,
    pid,
    inodes: inodesOf(pid),
  })
  const node = [
    ...(agent.node.holder === undefined ? [] : [row('', 'holder', 'holder', agent.node.holder.pid)]),
    row('', 'agent', 'agent', process.pid),
  ]
  const pods = listPods(agent).flatMap((pod) => [
    ...(isRunning(pod) ? [row(pod.name, 'pause', 'pause', pod.pause.pid)] : []),
    ...agent.containers
      .inPod(pod)
      .flatMap(({ isRunning, record: { name, process } }) =>
        isRunning && process !== undefined ? [row(pod.name, name, 'container', process.pid)] : [],
      ),
  ])
  return [...node, ...pods]
}

const isRunning = (pod: PodRecord): pod is PodRecord & { pause: { pid: number } } =>
  pod.pause !== undefined && isAlive(pod.pause)

export interface DescribedCgroup extends Omit<CgroupNode, 'processes' | 'children'> {
  kind: string
  processes: { pid: number; name: string }[]
  children: DescribedCgroup[]
}

/** Directories have ids for names; people have given names to what is in them. */
const describeCgroup = (agent: Agent, node: CgroupNode): DescribedCgroup => {
  const pod = [...agent.pods.all.values()].find((candidate) => agent.pods.cgroup(candidate) === node.path)
  const container = [...agent.containers.all.values()].find((c) => agent.leaves.of(c.record) === node.path)
  const kind = pod ? 'pod' : container ? 'container' : node.name === 'pause' ? 'pause' : 'directory'
  return {
    ...node,
    kind,
    name: pod?.name ?? container?.record.name ?? node.name,
    processes: node.processes.map((pid) => ({ pid, name: readComm(pid) ?? '' })),
    children: node.children.map((child) => describeCgroup(agent, child)),
  }
}

const NO_CGROUP = { path: '', name: '', kind: 'directory', processes: [], facts: {}, children: [] }

export const readCgroups = (agent: Agent) => {
  const { cgroup, holder } = agent.node
  if (cgroup !== undefined) return { available: true, ...describeCgroup(agent, readTree(cgroup)) }
  const reason = holder?.cgroupReason ?? 'no cgroup directory is delegated to this user'
  return { available: false, reason, remedy: DELEGATION_REMEDY, ...NO_CGROUP }
}

/** The node's, with the map that it was given; its parent is that of whoever started it. */
const readUserNamespace = () => ({
  inode: readNamespaceInode('self', 'user'),
  users: parseIdRanges(readFileSync('/proc/self/uid_map', 'utf8')),
  groups: parseIdRanges(readFileSync('/proc/self/gid_map', 'utf8')),
})

/** A part of what `ip -json -details address show` gives of a device (ip-address(8)). */
interface Device {
  ifindex: number
  ifname: string
  /** Of a cable: the number of its other end, in that one's namespace. */
  link_index?: number
  /** The bridge that it is plugged into. */
  master?: string
  linkinfo?: { info_kind?: string }
  addr_info?: { family: string; local: string; prefixlen: number }[]
}

/** None where it cannot be read: a pod may end meanwhile. */
const readDevices = async (pid: number): Promise<Device[]> => {
  const ip = ['nsenter', `--net=${namespacePath(pid, 'net')}`, '--', 'ip', '-json', '-details', 'address', 'show']
  const { code, printed } = await runProgram(ip, process.env, { timeoutMs: IP_MS })
  return code === 0 && printed !== '' ? (JSON.parse(printed) as Device[]) : []
}

const addressesOf = ({ addr_info: addresses = [] }: Device): string[] =>
  addresses.flatMap(({ family, local, prefixlen }) => (family === 'inet' ? [`${local}/${prefixlen}`] : []))

/** The cable whose end in the pod is the device: by the number that each end has of the other. Pure. */
export const matchLink = (pod: string, devices: readonly Device[], node: readonly Device[]) => {
  const device = devices.find(({ ifname }) => ifname === POD_DEVICE)
  if (device === undefined) return undefined
  const end = node.find(({ ifindex, link_index: other }) => ifindex === device.link_index && other === device.ifindex)
  return {
    pod,
    device: device.ifname,
    addresses: addressesOf(device),
    ...(end === undefined ? {} : { veth: end.ifname }),
    ...(end?.master === undefined ? {} : { bridge: end.master }),
  }
}

const readNetwork = async (agent: Agent) => {
  const note = agent.network.read()
  if (note === undefined) return { bridges: [], links: [] }
  const node = await readDevices(note.holder.pid)
  const pods = listPods(agent)
    .filter(isRunning)
    .filter(({ network }) => network === 'bridge')
  const links = await Promise.all(
    pods.map(async (pod) => {
      const link = matchLink(pod.name, await readDevices(pod.pause.pid), node)
      if (link === undefined) return []
      const published = pod.publish.length === 0 || pod.ip === undefined ? [] : await agent.network.published(pod.ip)
      const ports = published.map(({ hostIp, hostPort, containerPort, protocol }) => ({
        hostIp,
        hostPort,
        containerPort,
        protocol,
      }))
      return [{ ...link, ports }]
    }),
  )
  const { uplink, uplinkMissing: missing } = note
  return {
    inode: readNamespaceInode(note.holder.pid, 'net'),
    ...(uplink === undefined
      ? { missing }
      : { uplink: { program: uplink.program, pid: uplink.pid, address: uplink.address, dns: uplink.dns } }),
    bridges: node.flatMap((device) =>
      device.linkinfo?.info_kind === 'bridge' ? [{ name: device.ifname, addresses: addressesOf(device) }] : [],
    ),
    links: links.flat(),
  }
}

export const readGraph = async (agent: Agent) => ({
  namespaces: NAMESPACES,
  rows: listRows(agent),
  userNamespace: readUserNamespace(),
  cgroup: readCgroups(agent),
  network: await readNetwork(agent),
})
