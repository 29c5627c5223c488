/** The pod on its bridge, by iproute2: what the CNI plugin cni/bridge does, with the first address of the network. */
import { comment } from './words.ts'

/** What the network list says of the bridge, and the first address of a pod on it. */
export interface BridgeNetwork {
  bridge: string
  /** Bytes. */
  mtu: number
  gateway: string
  address: string
  /** Length of the network's prefix. */
  prefix: string
}

export const formatNetwork = ({ bridge, mtu, gateway, address, prefix }: BridgeNetwork): string[] => {
  const node = 'nsenter --net="/proc/$NODE/ns/net" --'
  return [
    ...comment(
      'network.attach: a bridge in the network namespace of the node, and a virtual cable from it to the pod. ' +
        'Not by hand: leases, masquerading (nft) and the uplink to the host (slirp4netns): this pod reaches its bridge. veth(4)',
    ),
    `${node} ip link add ${bridge} type bridge`,
    `${node} ip address add ${gateway}/${prefix} brd + dev ${bridge}`,
    `${node} ip link set ${bridge} mtu ${mtu} up`,
    `ip link add eth0 mtu ${mtu} type veth peer name cable0 mtu ${mtu} netns "$NODE"`,
    `${node} ip link set cable0 master ${bridge} up`,
    `ip address add ${address}/${prefix} brd + dev eth0`,
    'ip link set eth0 up',
    `ip route add default via ${gateway}`,
    `echo '${address} '"$("$BUSYBOX" hostname)" >>"$POD/hosts"`,
  ]
}
