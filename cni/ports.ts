/**
 * Published ports: `-p [IP:][HOSTPORT]:CONTAINERPORT[/PROTOCOL]` as Docker and Podman read it, and the two halves of a
 * publication as data. Pure; cni/publish.ts carries it out.
 *
 *     client -> host IP:hostPort -> [uplink] -> uplink address:nodePort -> [dnat in the node] -> pod:containerPort
 *
 * The node port equals the host port unless another publication (same port, another host address) has it already.
 */
import { isIP, isIPv6 } from 'node:net'
import { Failure } from '../runtime/errors.ts'

export type Protocol = 'tcp' | 'udp'

export interface PortMapping {
  /** Host address that is listened on; `0.0.0.0` unless told. */
  hostIp: string
  /** Absent: any free one. */
  hostPort?: number
  containerPort: number
  protocol: Protocol
}

/** A publication as it is in force. */
export interface Published extends PortMapping {
  hostPort: number
  /** Port on the node's uplink address, between the two halves. */
  nodePort: number
  /** IPv4 address of the pod. */
  podAddress: string
}

const MAX_PORT = 65_535

const refuse = (text: string, what: string): never => {
  throw new Failure(`invalid port ${JSON.stringify(text)}: ${what}`, {
    id: 'ports.parse',
    try: '-p 8080:80, -p 127.0.0.1:8080:80/tcp or -p 8000-8002:80-82',
    exitCode: 125,
    status: 400,
  })
}

const parsePort = (text: string, whole: string): number => {
  if (!/^\d+$/.test(text)) return refuse(whole, `invalid port number ${JSON.stringify(text)}`)
  const port = Number(text)
  return port >= 1 && port <= MAX_PORT
    ? port
    : refuse(whole, `port numbers must be between 1 and 65535 (inclusive), got ${text}`)
}

const parseRange = (text: string, whole: string): { start: number; length: number } => {
  const [first = '', second, ...rest] = text.split('-')
  if (rest.length > 0) return refuse(whole, 'port ranges are of the form start-stop')
  const start = parsePort(first, whole)
  const end = second === undefined ? start : parsePort(second, whole)
  return end >= start
    ? { start, length: end - start + 1 }
    : refuse(whole, `the last port of range ${text} is below the first`)
}

/** Splits off a host address, which may be IPv6 in brackets. */
const splitPublish = (text: string, whole: string): { hostIp: string; host: string | undefined; container: string } => {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text)
  const parts = (bracketed?.[2] ?? text).split(':')
  if (bracketed === null && parts.length === 1) return { hostIp: '', host: undefined, container: text }
  if (bracketed === null && parts.length === 2) return { hostIp: '', host: parts[0], container: parts[1] ?? '' }
  const [hostIp = '', host = '', container, ...rest] = bracketed === null ? parts : [bracketed[1], ...parts]
  if (container === undefined || rest.length > 0) {
    return refuse(whole, 'too many or too few colons (an IPv6 address goes in brackets)')
  }
  return hostIp === '' || isIP(hostIp) !== 0
    ? { hostIp, host, container }
    : refuse(whole, `${JSON.stringify(hostIp)} is not an IP address`)
}

/**
 * One `-p` value; a range gives one mapping for each port.
 * @throws {Failure} `ports.parse`, 125
 */
export const parsePublish = (whole: string): PortMapping[] => {
  const [ports = '', protocol = 'tcp', ...rest] = whole.split('/')
  if (rest.length > 0) return refuse(whole, 'at most one protocol may be given')
  const kind = protocol.toLowerCase()
  if (kind !== 'tcp' && kind !== 'udp') return refuse(whole, `protocol ${JSON.stringify(protocol)} is not tcp or udp`)
  const { hostIp, host, container } = splitPublish(ports, whole)
  if (container === '') return refuse(whole, 'no container port')
  const inside = parseRange(container, whole)
  const outside = host === undefined || host === '' ? undefined : parseRange(host, whole)
  if (outside !== undefined && outside.length !== inside.length) {
    return refuse(whole, `host and container port ranges have different lengths: ${outside.length} vs ${inside.length}`)
  }
  return Array.from({ length: inside.length }, (_, index) => ({
    hostIp: hostIp === '' ? '0.0.0.0' : hostIp,
    ...(outside === undefined ? {} : { hostPort: outside.start + index }),
    containerPort: inside.start + index,
    protocol: kind,
  }))
}

/** `0.0.0.0:8080->80/tcp`, as `ps` shows it. */
export const formatPort = ({ hostIp, hostPort, containerPort, protocol }: PortMapping): string =>
  `${isIPv6(hostIp) ? `[${hostIp}]` : hostIp}:${hostPort ?? ''}->${containerPort}/${protocol}`

/** Whether two publications want the same socket of the host. */
export const isSameSocket = (a: PortMapping, b: PortMapping): boolean =>
  a.hostPort !== undefined &&
  a.hostPort === b.hostPort &&
  a.protocol === b.protocol &&
  (a.hostIp === b.hostIp || a.hostIp === '0.0.0.0' || b.hostIp === '0.0.0.0')

/**
 * Chooses the node ports: the host port itself where it is free, so that another pod reaches the publication at the
 * node's address and the same port; else the highest free one.
 * @param taken every publication of the node
 */
export const planPublish = (
  mappings: readonly (PortMapping & { hostPort: number })[],
  podAddress: string,
  taken: readonly Published[],
): Published[] => {
  const used = new Set(taken.map(({ protocol, nodePort }) => `${protocol} ${nodePort}`))
  return mappings.map((mapping) => {
    let nodePort = mapping.hostPort
    for (let next = MAX_PORT; used.has(`${mapping.protocol} ${nodePort}`); next -= 1) nodePort = next
    used.add(`${mapping.protocol} ${nodePort}`)
    return { ...mapping, nodePort, podAddress }
  })
}

/** A network whose pods may reach publications: its gateway's address and its subnet. */
export interface NodeNetwork {
  gateway: string
  subnet: string
}

export const PORTS_TABLE = 'glasspod-ports'
const mapOf = (protocol: Protocol): string => `${protocol}_ports`

/**
 * The dnat half, for `nft -f -`. May be loaded again: rules are flushed and filled in one transaction, and what is in
 * a set or map already may be added again.
 *
 * Only the node's own addresses are matched, or a pod's traffic to any address at a published port would be diverted.
 * A pod that reaches itself or a neighbour this way (hairpin) is masqueraded, or the answer would come straight over
 * the bridge from an address it never asked.
 */
export const planDnat = (
  published: readonly Published[],
  uplinkAddress: string,
  networks: readonly NodeNetwork[],
): string => {
  const table = `ip ${PORTS_TABLE}`
  const elements = (protocol: Protocol): string[] =>
    published
      .filter((one) => one.protocol === protocol)
      .map(
        (one) =>
          `add element ${table} ${mapOf(protocol)} { ${one.nodePort} : ${one.podAddress} . ${one.containerPort} }`,
      )
  return [
    `add table ${table}`,
    `add set ${table} node { type ipv4_addr; }`,
    `add set ${table} pods { type ipv4_addr; flags interval; }`,
    `add map ${table} tcp_ports { type inet_service : ipv4_addr . inet_service; }`,
    `add map ${table} udp_ports { type inet_service : ipv4_addr . inet_service; }`,
    `add chain ${table} prerouting { type nat hook prerouting priority dstnat; policy accept; }`,
    `add chain ${table} postrouting { type nat hook postrouting priority srcnat; policy accept; }`,
    `flush chain ${table} prerouting`,
    `flush chain ${table} postrouting`,
    `add rule ${table} prerouting ip daddr @node dnat ip to tcp dport map @tcp_ports`,
    `add rule ${table} prerouting ip daddr @node dnat ip to udp dport map @udp_ports`,
    `add rule ${table} postrouting ct status dnat ip saddr @pods masquerade`,
    ...[uplinkAddress, ...networks.map(({ gateway }) => gateway)].map((one) => `add element ${table} node { ${one} }`),
    ...networks.map(({ subnet }) => `add element ${table} pods { ${subnet} }`),
    ...elements('tcp'),
    ...elements('udp'),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

/** Takes dnat entries away again; the whole table when they were the last. */
export const planDnatRemoval = (gone: readonly Dnat[], all: readonly Dnat[]): string => {
  const left = all.filter((one) => !gone.some((g) => g.protocol === one.protocol && g.nodePort === one.nodePort))
  if (left.length === 0) return `delete table ip ${PORTS_TABLE}\n`
  return gone.map((one) => `delete element ip ${PORTS_TABLE} ${mapOf(one.protocol)} { ${one.nodePort} }\n`).join('')
}

export type Dnat = Pick<Published, 'protocol' | 'nodePort' | 'podAddress' | 'containerPort'>

/** `[8080, {"concat": ["10.88.0.2", 80]}]` */
const parseElement = (element: unknown, protocol: Protocol): Dnat[] => {
  if (!Array.isArray(element)) return []
  const [nodePort, target] = element as [unknown, { concat?: unknown } | undefined]
  const [podAddress, containerPort] = Array.isArray(target?.concat) ? (target.concat as unknown[]) : []
  return typeof nodePort === 'number' && typeof podAddress === 'string' && typeof containerPort === 'number'
    ? [{ protocol, nodePort, podAddress, containerPort }]
    : []
}

/** The entries in `nft -j list table ip glasspod-ports` (libnftables-json(5)). */
export const parseDnat = (text: string): Dnat[] => {
  const { nftables } = JSON.parse(text) as { nftables: { map?: { name: string; elem?: unknown[] } }[] }
  return nftables.flatMap(({ map }) =>
    (['tcp', 'udp'] as const).flatMap((protocol) =>
      map?.name === mapOf(protocol) ? (map.elem ?? []).flatMap((element) => parseElement(element, protocol)) : [],
    ),
  )
}
