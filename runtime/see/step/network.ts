/**
 * What only a process in a namespace is told: /proc/sys shows the reader's own network and host name, and no file of
 * /proc/PID has an interface's flags. So ip(8) and a shell ask there, by one nsenter(1).
 */
import { execFile } from 'node:child_process'
import { namespacePath, readNamespaceInode, type Namespace } from '../../kernel/namespaces.ts'

/** Lines of a KernelState. */
export type NetworkState = Record<'links' | 'addresses' | 'sysctls', string[]>

/** What our plans set, of what a namespace has to itself. */
const SYSCTLS = [
  'kernel.hostname',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_forward',
]

const ASKED: readonly Namespace[] = ['net', 'uts']

/** A line of JSON, then one a sysctl. */
const SCRIPT = `ip -json address || echo '[]'
for name; do
  path=/proc/sys
  rest=$name.
  while [ -n "$rest" ]; do path=$path/\${rest%%.*}; rest=\${rest#*.}; done
  read -r value <"$path" && echo "$name = $value"
done`

interface IpLink {
  ifname: string
  flags?: string[]
  addr_info?: { local?: string; prefixlen?: number }[]
}

/** The output of SCRIPT. The flags are those of netdevice(7), as ip(8) prints them. */
export const parseNetwork = (text: string): NetworkState => {
  const [json = '[]', ...sysctls] = text.trimEnd().split('\n')
  const found = JSON.parse(json) as IpLink[]
  return {
    links: found.map(({ ifname, flags = [] }) => `${ifname} <${flags.join(',')}>`),
    addresses: found.flatMap(({ ifname, addr_info = [] }) =>
      addr_info.map(({ local = '', prefixlen = 0 }) => `${local}/${prefixlen} dev ${ifname}`),
    ),
    sysctls: sysctls.map((line) => line.replace(/\s+/g, ' ')),
  }
}

/** Undefined where nobody could ask: the process is gone, or a program is missing. */
export const readNetwork = (pid: number | 'self'): Promise<NetworkState | undefined> => {
  const others = ASKED.filter((name) => readNamespaceInode(pid, name) !== readNamespaceInode('self', name))
  const enter = others.map((name) => `--${name}=${namespacePath(pid, name)}`)
  const words = [...(enter.length === 0 ? [] : ['nsenter', ...enter, '--']), 'sh', '-c', SCRIPT, 'sh', ...SYSCTLS]
  const [command = '', ...args] = words
  return new Promise((resolve) =>
    // what one sysctl refuses is no failure of the others
    execFile(command, args, (_, stdout) => {
      try {
        resolve(stdout === '' ? undefined : parseNetwork(stdout))
      } catch {
        resolve(undefined)
      }
    }),
  )
}
