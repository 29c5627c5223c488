/** The node's network and its way out: bridge, address translation, forwarding, ports, ping, names, routes. */
import type { Ended } from '../../rootless/run-program.ts'
import { AS_INNER_ROOT, attempt, describeEnd, readSysctl, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

const NEEDS = ['userns.create', 'userns.capabilities']

const inNetwork = (host: Host, script: string): Promise<Ended> =>
  attempt([...AS_INNER_ROOT, '--net', 'sh', '-c', script], host)

export const BRIDGE = defineProbe<Ended>({
  id: 'network.bridge',
  group: 'network',
  severity: 'blocker',
  title: 'a bridge and a virtual cable can be made',
  why: 'Pods are wired to a bridge by veth pairs; the kernel loads neither module for an ordinary user on its own.',
  advice: "sudo modprobe -a bridge veth; printf 'bridge\\nveth\\n' | sudo tee /etc/modules-load.d/glasspod.conf",
  see: 'bridge(8), veth(4), ip-link(8)',
  needs: NEEDS,
  read: (host) =>
    inNetwork(
      host,
      'ip link add gpbr type bridge && ip link add gpa type veth peer name gpb && ip link set gpa master gpbr',
    ),
  judge: (ended) =>
    ended.code === 0 ? fine('made in a network namespace') : bad(`ip link add: ${describeEnd(ended)}`),
})

const RULES =
  'table ip gpdoctor { chain postrouting { type nat hook postrouting priority 100; ip saddr 10.0.0.0/8 masquerade; }; }'

export const NFTABLES = defineProbe<Ended>({
  id: 'network.nft',
  group: 'network',
  severity: 'blocker',
  title: 'nft(8) can translate addresses',
  why: 'Pods reach the outside by masquerading, and published ports by dnat: rules of nftables in the node.',
  advice: 'sudo apt-get install nftables; sudo modprobe -a nf_tables nft_chain_nat nft_masq nft_nat',
  see: 'nft(8)',
  needs: NEEDS,
  read: (host) => inNetwork(host, `printf '%s\\n' '${RULES}' | nft -f -`),
  judge: (ended) => (ended.code === 0 ? fine('a masquerading rule was loaded') : bad(`nft: ${describeEnd(ended)}`)),
})

export const FORWARD = defineProbe<{ ended: Ended; ipv4: boolean }>({
  id: 'network.forward',
  group: 'network',
  severity: 'blocker',
  title: 'the node may forward packets',
  why: 'Root of the node sets its net.ipv4.ip_forward, which cannot be done where /proc/sys is read-only, as in a container.',
  advice: '# run outside the container you are in; or start that one with --privileged',
  see: 'ip-sysctl, https://docs.kernel.org/networking/ip-sysctl.html',
  needs: NEEDS,
  read: async (host) => ({
    ended: await inNetwork(host, 'echo 1 > /proc/sys/net/ipv4/ip_forward'),
    ipv4: readSysctl('net.ipv4.ip_forward') !== undefined,
  }),
  judge({ ended, ipv4 }) {
    if (ended.code === 0) return fine('net.ipv4.ip_forward can be set in it')
    return ipv4 ? bad(`net.ipv4.ip_forward: ${describeEnd(ended)}`) : bad('this kernel has no net.ipv4.ip_forward')
  },
})

export const PORTS = defineProbe<string | undefined>({
  id: 'network.ports',
  group: 'network',
  severity: 'note',
  title: 'ports below 1024 can be published',
  why: 'An ordinary user may listen from net.ipv4.ip_unprivileged_port_start on; -p 80:80 needs it to be 80 or less.',
  advice: 'sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80',
  see: 'ip(7), sysctl.d(5)',
  read: () => readSysctl('net.ipv4.ip_unprivileged_port_start'),
  judge(start) {
    if (start === undefined) return unasked('this kernel has no net.ipv4.ip_unprivileged_port_start')
    return Number(start) > 80 ? bad(`published ports begin at ${start}`) : fine(`published ports begin at ${start}`)
  },
})

export const PING = defineProbe<{ range: string | undefined; gids: readonly number[] }>({
  id: 'network.ping',
  group: 'network',
  severity: 'note',
  title: 'containers can ping the outside',
  why: 'The uplink sends echo requests by an ICMP socket of the user, which net.ipv4.ping_group_range allows by group.',
  advice: "sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'",
  see: 'icmp(7), slirp4netns(1)',
  read: ({ gids }) => ({ range: readSysctl('net.ipv4.ping_group_range'), gids }),
  judge({ range, gids }) {
    if (range === undefined) return unasked('this kernel has no net.ipv4.ping_group_range')
    const [first = 1, last = 0] = range.split(/\s+/).map(Number)
    const shown = `net.ipv4.ping_group_range is ${first} ${last}`
    return gids.some((gid) => first <= gid && gid <= last) ? fine(shown) : bad(`${shown}: no group of this user`)
  },
})

export const NAMES = defineProbe<string | undefined>({
  id: 'network.dns',
  group: 'network',
  severity: 'warning',
  title: '/etc/resolv.conf names a server',
  why: 'The name server of pods passes questions on to the servers of the host; registries are found by name, too.',
  advice: "cat /etc/resolv.conf; echo 'nameserver 9.9.9.9' | sudo tee -a /etc/resolv.conf",
  see: 'resolv.conf(5)',
  read: () => readText('/etc/resolv.conf'),
  judge(text) {
    if (text === undefined) return bad('there is no /etc/resolv.conf, or it leads nowhere')
    const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server)
    return servers.length === 0 ? bad('no line "nameserver" in it') : fine(servers.join(', '))
  },
})

/** What pods and uplink use: the bridge's network, slirp4netns's. */
const OURS = [
  { name: "the pods' 10.88.0.0/16", address: '10.88.0.0', bits: 16 },
  { name: "slirp4netns's 10.0.2.0/24", address: '10.0.2.0', bits: 24 },
]

const toNumber = (address: string): number =>
  address.split('.').reduce((sum, part) => (sum * 256 + Number(part)) >>> 0, 0)

const maskOf = (bits: number): number => (bits === 0 ? 0 : (~0 << (32 - bits)) >>> 0)

/** Destinations of /proc/net/route (proc(5)): hexadecimal, in the byte order of the machine; the default route is none. */
export const parseRoutes = (text: string): { device: string; address: number; bits: number }[] =>
  text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', destination, , , , , , mask] = line.trim().split(/\s+/)
      if (destination === undefined || mask === undefined) return []
      const [address = 0, bitsOf = 0] = [destination, mask].map((hex) => Buffer.from(hex, 'hex').readUInt32LE())
      const bits = bitsOf === 0 ? 0 : 32 - Math.round(Math.log2(2 ** 32 - bitsOf))
      return bits === 0 ? [] : [{ device, address, bits }]
    })

const formatAddress = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')

export const ROUTES = defineProbe<string>({
  id: 'network.routes',
  group: 'network',
  severity: 'note',
  title: 'no network of the host has the addresses of the pods',
  why: 'What the host reaches at such an address, through a VPN for instance, pods cannot reach: it is their own network.',
  advice: 'ip route  # another network for the pods: ROOT/networks/glasspod.conflist',
  see: 'ip-route(8), docs/architecture.md',
  read: () => readText('/proc/net/route') ?? '',
  judge(text) {
    for (const { device, address, bits } of parseRoutes(text))
      for (const ours of OURS) {
        const mask = maskOf(Math.min(bits, ours.bits))
        if ((address & mask) >>> 0 === (toNumber(ours.address) & mask) >>> 0)
          return bad(`the host has ${formatAddress(address)}/${bits} on ${device}: it meets ${ours.name}`)
      }
    return fine('no route meets them')
  },
})

export const NETWORK_PROBES: readonly Probe[] = [BRIDGE, NFTABLES, FORWARD, PORTS, PING, NAMES, ROUTES]
