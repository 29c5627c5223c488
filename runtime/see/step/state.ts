/**
 * What the kernel says of a process at this moment: all that the steps of a plan change. Each fact is a line, so that the
 * difference between two moments is the lines that came and went.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { NAMESPACES } from '../../kernel/namespaces.ts'
import { readIdentity } from '../../kernel/processes.ts'
import { readNetwork } from './network.ts'

/** Lines by the noun that they are about, in the order to show them. */
export type KernelState = Record<string, string[]>

export interface Change {
  about: string
  gone: string[]
  come: string[]
}

/** Of /proc/PID/status (proc_pid_status(5)): who it is, what it may. */
const CREDENTIALS = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp']

export const parseCredentials = (status: string): string[] =>
  status.split('\n').flatMap((line) => {
    const [name = '', value = ''] = line.split(':')
    return CREDENTIALS.includes(name) ? [`${name} ${value.trim().replace(/\s+/g, ' ')}`.trimEnd()] : []
  })

/** `POINT TYPE SOURCE options`; mount ids differ in each copy of a table and say nothing. */
export const parseMountLines = (mountinfo: string): string[] =>
  mountinfo.split('\n').flatMap((line) => {
    const [front = '', back = ''] = line.split(' - ')
    const [, , , root = '', point, options = ''] = front.split(' ')
    const [type = '', source = ''] = back.split(' ')
    return point === undefined ? [] : [`${point} ${type} ${source}${root === '/' ? '' : `[${root}]`} ${options}`]
  })

/** /proc/PID/net/dev: two lines of head, then one an interface. */
export const parseLinks = (dev: string): string[] =>
  dev
    .split('\n')
    .slice(2)
    .flatMap((line) => (line.includes(':') ? [line.slice(0, line.indexOf(':')).trim()] : []))

/** Numbers of /proc/PID/net/route are in the machine's byte order; both that we run on are little-endian. */
const address = (hex: string): string => [...Buffer.from(hex, 'hex')].reverse().join('.')
const prefix = (hex: string): number => Number.parseInt(hex, 16).toString(2).replaceAll('0', '').length

export const parseRoutes = (route: string): string[] =>
  route
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device, destination = '', gateway = '', , , , , mask = ''] = line.trim().split(/\s+/)
      if (device === undefined || device === '') return []
      const via = /^0+$/.test(gateway) ? '' : ` via ${address(gateway)}`
      return [`${/^0+$/.test(mask) ? 'default' : `${address(destination)}/${prefix(mask)}`}${via} dev ${device}`]
    })

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '')

const isEqual = (list: readonly string[] | undefined, other: readonly string[]): boolean =>
  list?.join('\n') === other.join('\n')

/**
 * @param pid as the reader's /proc counts. @param last a state of the same process, since when no step has touched its
 * network: then ip(8) is asked again only where /proc shows a difference. Undefined: it is gone, or hides from us.
 */
export const readState = async (pid: number | 'self', last?: KernelState): Promise<KernelState | undefined> => {
  const read = (file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  const link = (file: string): string[] => {
    try {
      return [readlinkSync(`/proc/${pid}/${file}`)]
    } catch {
      return []
    }
  }
  if (pid !== 'self' && readIdentity(pid) === undefined) return undefined
  const seen = {
    namespaces: NAMESPACES.flatMap((name) => link(`ns/${name}`)),
    routes: parseRoutes(read('net/route')),
  }
  const names = parseLinks(read('net/dev'))
  const isSame =
    last !== undefined &&
    isEqual(last['namespaces'], seen.namespaces) &&
    isEqual(last['routes'], seen.routes) &&
    isEqual(
      last['links']?.map((line) => line.replace(/ .*/, '')),
      names,
    )
  const network = isSame ? last : await readNetwork(pid)
  return {
    process: lines(read('comm')),
    namespaces: seen.namespaces,
    'pid namespace of children': link('ns/pid_for_children'),
    'uid map': lines(read('uid_map')),
    'gid map': lines(read('gid_map')),
    cgroup: lines(read('cgroup')),
    credentials: parseCredentials(read('status')),
    mounts: parseMountLines(read('mountinfo')),
    // without ip(8) their names, at least
    links: network === undefined || network['links']?.length === 0 ? names : (network['links'] ?? []),
    addresses: network?.['addresses'] ?? [],
    routes: seen.routes,
    sysctls: network?.['sysctls'] ?? [],
  }
}

/** Of two lists with repetitions: what only the first has. */
const without = (list: readonly string[], other: readonly string[]): string[] => {
  const left = [...other]
  return list.filter((line) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

export const compareStates = (before: KernelState, after: KernelState): Change[] =>
  Object.keys(after).flatMap((about) => {
    const [old = [], now = []] = [before[about], after[about]]
    const change = { about, gone: without(old, now), come: without(now, old) }
    return change.gone.length + change.come.length === 0 ? [] : [change]
  })
