/** The graph for a terminal: a table of namespaces, as wide as there is room, then id maps, network and cgroups. */
import type { Graph, GraphRow } from '../api.ts'
import type { Paint } from '../colour.ts'
import { formatTable, printable } from '../table.ts'
import { formatCgroups } from '../verbs/cgroup.ts'
import { formatGraphPort, formatRanges } from './diagram.ts'
import { letterOf, numberShared } from './select.ts'

const LEGEND = 'a, b, ...: the same namespace in several rows; without a letter: its own'
const COLOURS = [36, 33, 35, 32, 34, 31]
const BOLD = 1

type Shared = Map<string, Map<number, number>>

const paintShared = (number: number, text: string, paint: Paint): string =>
  paint(COLOURS[number % COLOURS.length] ?? 0, text)

const formatRows = (graph: Graph, shared: Shared, paint: Paint, narrow: boolean): string => {
  const formatInode = (name: string, inode: number | undefined): string => {
    if (inode === undefined) return '-'
    const number = shared.get(name)?.get(inode)
    if (number === undefined) return narrow ? 'own' : inode.toString()
    return paintShared(number, narrow ? letterOf(number) : `${inode} ${letterOf(number)}`, paint)
  }
  return formatTable(
    ['POD', 'NAME', ...(narrow ? [] : ['KIND']), 'PID', ...graph.namespaces.map((name) => name.toUpperCase())],
    graph.rows.map(({ pod, name, kind, pid, inodes }: GraphRow) => [
      ...[pod || '-', name, ...(narrow ? [] : [kind]), pid.toString()].map(printable),
      ...graph.namespaces.map((namespace) => formatInode(namespace, inodes[namespace])),
    ]),
  )
}

/** Where only letters fit into the table: which inode each is. */
const formatLetters = ({ namespaces }: Graph, shared: Shared, paint: Paint): string =>
  namespaces
    .flatMap((name) => {
      const letters = [...(shared.get(name) ?? [])].map(([inode, number]) =>
        paintShared(number, `${letterOf(number)} ${inode}`, paint),
      )
      return letters.length === 0 ? [] : [`${name.padEnd(7)}${letters.join('  ')}`]
    })
    .join('\n')

const formatNetwork = ({ network: { uplink, missing, bridges, links } }: Graph): string[] => {
  if (uplink === undefined && missing === undefined) return ['no pod has asked for a network yet']
  const way =
    uplink === undefined
      ? `no uplink: ${missing ?? ''}`
      : `host -> ${uplink.pid} ${uplink.program} (${uplink.address}) -> tap0`
  return [
    [way, ...bridges.map(({ name, addresses }) => `${name} (${addresses.join(', ')})`)].join(' -> '),
    ...links.flatMap(({ pod, bridge, veth, device, addresses, ports }) => [
      `  ${bridge ?? '?'} -> ${veth ?? '?'} -> ${device} (${addresses.join(', ')}) of pod ${printable(pod)}`,
      ...ports.map((port) => `    published: ${formatGraphPort(port)}`),
    ]),
  ]
}

const widthOf = (text: string): number => Math.max(...text.split('\n').map((line) => line.length))

/** `width`: columns of the terminal, or undefined where there is room for everything. */
export const formatText = (graph: Graph, paint: Paint, width: number | undefined): string => {
  const shared: Shared = new Map(
    graph.namespaces.map((name) => [name, numberShared(graph.rows.map(({ inodes }) => inodes[name]))]),
  )
  const narrow = width !== undefined && widthOf(formatRows(graph, shared, (_, text) => text, false)) > width
  const { inode, users, groups } = graph.userNamespace
  const parent = graph.parentUserNamespace
  return [
    formatRows(graph, shared, paint, narrow),
    '',
    ...(narrow ? [formatLetters(graph, shared, paint), ''] : []),
    LEGEND,
    '',
    `${paint(BOLD, 'ids')}  user namespace ${inode ?? '?'}${parent === undefined ? '' : ` in ${parent}`}`,
    `  users:  ${formatRanges(users)}`,
    `  groups: ${formatRanges(groups)}`,
    '',
    paint(BOLD, 'network'),
    ...formatNetwork(graph).map((line) => `  ${line}`),
    '',
    paint(BOLD, 'cgroups'),
    ...formatCgroups(graph.cgroup, paint)
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n')
}
