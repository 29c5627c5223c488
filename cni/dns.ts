/**
 * What /etc/resolv.conf and /etc/hosts of a pod say (resolv.conf(5), hosts(5)). Pure: the texts of the host in, the
 * texts of the pod out.
 *
 * A resolver on the host's loopback (systemd-resolved's 127.0.0.53) is another machine's address to a pod: its own
 * loopback. So loopback resolvers never get in, and the uplink's forwarder, which asks the host's resolver from the
 * host's side, comes first.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { Failure } from '../runtime/errors.ts'

export interface ResolvConf {
  nameservers: string[]
  search: string[]
  options: string[]
}

/** resolv.conf(5): MAXNS. The resolver reads no more. */
const MAX_NAMESERVERS = 3

/** Of `search` and `domain` the last line counts; options add up; comments start a line. */
export const parseResolvConf = (text: string): ResolvConf => {
  const conf: ResolvConf = { nameservers: [], search: [], options: [] }
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/^[#;].*|\s[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) conf.nameservers.push(values[0])
    else if (keyword === 'search') conf.search = values
    else if (keyword === 'domain') conf.search = values.slice(0, 1)
    else if (keyword === 'options') conf.options.push(...values)
  }
  return conf
}

/** 127.0.0.0/8, ::1, and the unspecified address, which the resolver takes for this machine. */
export const isLoopback = (address: string): boolean =>
  address.startsWith('127.') || address === '0.0.0.0' || address === '::1' || address === '::'

export interface ResolvChoice {
  /** The host's /etc/resolv.conf. */
  host: string
  /** The host's /run/systemd/resolve/resolv.conf, where there is one: the servers behind 127.0.0.53. */
  systemd?: string | undefined
  /** The uplink's own forwarder (`Uplink.dns`); none with the host's network. */
  forwarder?: string | undefined
  /** `--dns`: replaces every other server. */
  nameservers?: readonly string[]
  /** `--dns-search`: replaces the host's; a single `.` means none, as Docker and Podman have it. */
  search?: readonly string[]
  /** `--dns-option`: replaces the host's. */
  options?: readonly string[]
}

/** The pod's /etc/resolv.conf. IPv6 servers are left out where the pod has a forwarder: its network is IPv4 only. */
export const planResolvConf = (choice: ResolvChoice): string => {
  const stub = parseResolvConf(choice.host)
  const real =
    stub.nameservers.some(isLoopback) && choice.systemd !== undefined ? parseResolvConf(choice.systemd) : stub
  const reachable = real.nameservers.filter(
    (address) => !isLoopback(address) && (choice.forwarder === undefined || isIPv4(address)),
  )
  const inherited = choice.forwarder === undefined ? reachable : [choice.forwarder, ...reachable]
  const nameservers = choice.nameservers?.length ? choice.nameservers : inherited
  const search = choice.search?.length ? choice.search.filter((domain) => domain !== '.') : real.search
  const options = choice.options?.length ? choice.options : real.options
  return [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...[...new Set(nameservers)].slice(0, MAX_NAMESERVERS).map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

export interface HostEntry {
  name: string
  address: string
}

/** Stands in `--add-host NAME:host-gateway` for the address at which a pod reaches the host. */
const HOST_GATEWAY = 'host-gateway'

/**
 * `--add-host NAME:ADDRESS`, where ADDRESS may be an IPv6 address, bare or in brackets, or `host-gateway`.
 * @param hostAddress what `host-gateway` stands for, where the uplink has such an address
 * @throws {Failure} `hosts.add`
 */
export const parseAddHost = (text: string, hostAddress?: string): HostEntry => {
  const colon = text.indexOf(':')
  const name = text.slice(0, Math.max(colon, 0))
  const given = text.slice(colon + 1).replace(/^\[(.*)\]$/, '$1')
  const address = given === HOST_GATEWAY ? (hostAddress ?? '') : given
  if (/^[^\s#]+$/.test(name) && (isIPv4(address) || isIPv6(address))) return { name, address }
  throw new Failure(`invalid host entry ${JSON.stringify(text)}`, {
    id: 'hosts.add',
    why:
      given === HOST_GATEWAY && hostAddress === undefined
        ? 'this network has no address for the host'
        : 'a name, a colon and an IP address are expected',
    try: '--add-host db:10.0.0.5',
    exitCode: 125,
    status: 400,
  })
}

export interface HostsChoice {
  /** The pod's own address, without prefix length; none with `--network none`. */
  address?: string | undefined
  hostname: string
  /** Where the pod reaches the host (`Uplink.hostAddress`). */
  hostAddress?: string | undefined
  /** From `--add-host`; an entry here takes precedence over ours of the same name, since the first line wins. */
  extra?: readonly HostEntry[]
}

/** The pod's /etc/hosts. `host.docker.internal` and `host.containers.internal` are what images already ask for. */
export const planHosts = ({ address, hostname, hostAddress, extra = [] }: HostsChoice): string =>
  [
    ...extra.map((entry) => `${entry.address}\t${entry.name}`),
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    `${address ?? '127.0.0.1'}\t${hostname}`,
    ...(hostAddress === undefined ? [] : [`${hostAddress}\thost.containers.internal host.docker.internal`]),
  ]
    .map((line) => `${line}\n`)
    .join('')
