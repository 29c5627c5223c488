/** The networks behind the node's bridges, as publishing needs them: by gateway and subnet (cni/ports.ts). */
import type { Conflist } from '../../cni/conflist.ts'
import type { BridgeNetwork } from '../see/shell/network.ts'
import type { NodeNetwork } from '../../cni/ports.ts'

const toNumber = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const toAddress = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')

/** The gateway is the one that is named, or the subnet's first address, as host-local has it. */
export const nodeNetworks = ({ plugins }: Conflist): NodeNetwork[] =>
  plugins.flatMap(({ ipam }) => {
    if (typeof ipam !== 'object' || ipam === null || !('subnet' in ipam) || typeof ipam.subnet !== 'string') return []
    const [address = '', prefix = '24'] = ipam.subnet.split('/')
    const mask = (0xffffffff << (32 - Number(prefix))) >>> 0
    const gateway =
      'gateway' in ipam && typeof ipam.gateway === 'string'
        ? ipam.gateway
        : toAddress(((toNumber(address) & mask) >>> 0) + 1)
    return [{ gateway, subnet: ipam.subnet }]
  })

/** The bridge of our own default list, as a script would make it by hand. */
export const readBridge = (conflist: Conflist): BridgeNetwork => {
  const [plugin] = conflist.plugins
  const [network] = nodeNetworks(conflist)
  const { gateway = '10.88.0.1', subnet = '10.88.0.0/16' } = network ?? {}
  return {
    bridge: typeof plugin?.['bridge'] === 'string' ? plugin['bridge'] : 'glasspod0',
    mtu: typeof plugin?.['mtu'] === 'number' ? plugin['mtu'] : 1500,
    gateway,
    address: toAddress(toNumber(gateway) + 1),
    prefix: subnet.split('/')[1] ?? '16',
  }
}
