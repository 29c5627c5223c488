/**
 * Opens and closes published ports: a forward of the uplink on the host's side, a dnat entry in the node (nft(8)).
 * Nothing is kept here: slirp4netns lists its forwards, nft its entries, and a node port joins the two. So an agent
 * that was killed half way finds, and a removal undoes, whatever is there.
 */
import { isIPv4 } from 'node:net'
import { Failure } from '../runtime/errors.ts'
import { addHostForward, listHostForwards, removeHostForward } from './hostfwd.ts'
import { probePort } from './listener.ts'
import {
  formatPort,
  isSameSocket,
  parseDnat,
  planDnat,
  planDnatRemoval,
  planPublish,
  PORTS_TABLE,
  type Dnat,
  type NodeNetwork,
  type PortMapping,
  type Published,
} from './ports.ts'

/** The node as publishing sees it. */
export interface PublishHost {
  /** slirp4netns' API socket (`Uplink.apiSocket`); undefined with an uplink that cannot open ports. */
  apiSocket: string | undefined
  /** The node's address on its uplink (`Uplink.address`), 10.0.2.100. */
  uplinkAddress: string
  networks: readonly NodeNetwork[]
  /** `['nsenter', '--net=/proc/123/ns/net', '--']`: into the node's network namespace. */
  prefix: readonly string[]
}

const runNft = async ({ prefix }: PublishHost, args: string[], input: string): Promise<string> => {
  const [program = 'nft', ...rest] = [...prefix, 'nft', ...args]
  const { execa } = await import('execa')
  const result = await execa(program, rest, { input, reject: false })
  if (!result.failed) return result.stdout
  throw new Failure(`published ports: nft failed: ${result.stderr.trim().split('\n')[0] ?? ''}`, {
    id: 'ports.nft',
    found: result.originalMessage ?? `exit code ${result.exitCode ?? 'unknown'}`,
    see: 'nft(8)',
    exitCode: 125,
  })
}

const readDnat = async (host: PublishHost): Promise<Dnat[]> => {
  // a list of all tables is never an error; the table itself may not be there
  const tables = await runNft(host, ['-j', 'list', 'tables', 'ip'], '')
  if (!tables.includes(`"${PORTS_TABLE}"`)) return []
  return parseDnat(await runNft(host, ['-j', 'list', 'table', 'ip', PORTS_TABLE], ''))
}

const requireApi = ({ apiSocket }: PublishHost): string => {
  if (apiSocket !== undefined) return apiSocket
  throw new Failure('publish ports: the uplink cannot open a port while it runs', {
    id: 'ports.uplink',
    why: 'pasta takes its ports when it is started; slirp4netns takes them at any time',
    try: 'install slirp4netns, then let the node start again',
    exitCode: 125,
  })
}

/** Every publication of the node, as the kernel and the uplink have it. */
export const listPorts = async (host: PublishHost): Promise<Published[]> => {
  if (host.apiSocket === undefined) return []
  const [forwards, entries] = await Promise.all([listHostForwards(host.apiSocket), readDnat(host)])
  return forwards.flatMap(({ proto, host_addr: hostIp, host_port: hostPort, guest_port: nodePort }) =>
    entries
      .filter((entry) => entry.protocol === proto && entry.nodePort === nodePort)
      .map((entry) => ({ ...entry, hostIp, hostPort })),
  )
}

const removeEntries = async (gone: (entry: Dnat) => boolean, host: PublishHost): Promise<void> => {
  const all = await readDnat(host)
  const ours = all.filter(gone)
  if (ours.length === 0) return
  // the forward first: without its entry, the next removal could not tell whose it is
  if (host.apiSocket !== undefined) {
    for (const forward of await listHostForwards(host.apiSocket)) {
      if (ours.some((entry) => entry.protocol === forward.proto && entry.nodePort === forward.guest_port)) {
        await removeHostForward(host.apiSocket, forward.id)
      }
    }
  }
  await runNft(host, ['-f', '-'], planDnatRemoval(ours, all))
}

/** One change at a time: two that choose node ports at once would choose the same. */
let turn: Promise<unknown> = Promise.resolve()
const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
  const mine = turn.then(work, work)
  turn = mine.catch(() => undefined)
  return mine
}

/** @param going publications that are closed before these are opened: theirs cannot be tried, and are free then */
const probeAll = async (
  mappings: readonly PortMapping[],
  taken: readonly Published[],
  going: readonly Published[] = [],
): Promise<(PortMapping & { hostPort: number })[]> => {
  const probed: (PortMapping & { hostPort: number })[] = []
  for (const mapping of mappings) {
    if (!isIPv4(mapping.hostIp)) {
      throw new Failure(`publish ${formatPort(mapping)}: only IPv4 addresses can be published on`, {
        id: 'ports.address',
        exitCode: 125,
        status: 400,
      })
    }
    const holder = taken.find((other) => isSameSocket(mapping, other))
    const twice = probed.find((other) => isSameSocket(mapping, other))
    if (holder !== undefined || twice !== undefined) {
      throw new Failure(`publish ${formatPort(mapping)}: port ${mapping.hostPort ?? 0} is already in use`, {
        id: 'ports.bind',
        found:
          holder === undefined
            ? 'it is given twice'
            : `it is published for ${holder.podAddress}, port ${holder.containerPort}`,
        try: 'publish another port, or leave the host port out to get a free one',
        exitCode: 125,
        status: 409,
      })
    }
    const isFreed = going.some((other) => isSameSocket(mapping, other))
    probed.push({ ...mapping, hostPort: isFreed ? (mapping.hostPort ?? 0) : await probePort(mapping) })
  }
  return probed
}

/**
 * Whether these ports could be published once those of some pods are closed; opens none.
 * @param host undefined: no uplink runs yet, so nothing is published
 * @throws {Failure} as addPorts
 */
export const checkPorts = async (
  mappings: readonly PortMapping[],
  podsThatGo: readonly string[],
  host: PublishHost | undefined,
): Promise<void> => {
  if (mappings.length === 0) return
  if (host !== undefined) requireApi(host)
  const all = host === undefined ? [] : await listPorts(host)
  const goes = ({ podAddress }: Published): boolean => podsThatGo.includes(podAddress)
  await probeAll(
    mappings,
    all.filter((published) => !goes(published)),
    all.filter(goes),
  )
}

/**
 * Publishes ports of a pod. The calling process must be in the network namespace in which the uplink listens.
 * @param podAddress IPv4, without prefix length
 * @returns what is in force, host ports chosen
 * @throws {Failure} `ports.bind` (exit 125) and others; then nothing of this call is left
 */
export const addPorts = (
  mappings: readonly PortMapping[],
  podAddress: string,
  host: PublishHost,
): Promise<Published[]> =>
  inTurn(async () => {
    if (mappings.length === 0) return []
    const apiSocket = requireApi(host)
    const taken = await listPorts(host)
    const published = planPublish(await probeAll(mappings, taken), podAddress, taken)
    const isOurs = (entry: Dnat): boolean =>
      published.some(({ protocol, nodePort }) => protocol === entry.protocol && nodePort === entry.nodePort)
    try {
      // the entry first: a port that is open on the host leads somewhere from its first packet on
      await runNft(host, ['-f', '-'], planDnat(published, host.uplinkAddress, host.networks))
      for (const { protocol, hostIp, hostPort, nodePort } of published) {
        await addHostForward(apiSocket, {
          proto: protocol,
          host_addr: hostIp,
          host_port: hostPort,
          guest_addr: host.uplinkAddress,
          guest_port: nodePort,
        })
      }
      return published
    } catch (error) {
      await removeEntries(isOurs, host)
      throw error
    }
  })

/** Closes every published port of a pod; nothing to do is no error. */
export const removePorts = (podAddress: string, host: PublishHost): Promise<void> =>
  inTurn(() => removeEntries((entry) => entry.podAddress === podAddress, host))
