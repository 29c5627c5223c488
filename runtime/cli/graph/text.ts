/** The graph for a terminal: a table of namespaces, as wide as there is room, then id maps, network and cgroups. */
import type { Graph, GraphLink, GraphRow } from '../api.ts'
import type { Paint } from '../colour.ts'
import { wrap } from '../help.ts'
import { fitTable, formatTable, printable, truncate } from '../table.ts'
import { formatCgroups } from '../verbs/cgroup.ts'
import { formatGraphPort, formatRanges, inRows } from './diagram.ts'
import { letterOf, numberShared } from './select.ts'

const LEGEND = 'a, b, ...: the same namespace in several rows; without a letter: its own'
const NARROW_LEGEND = 'a, b, ...: the same namespace in several rows; own: not shared'
const COLOURS = [36, 33, 35, 32, 34, 31]
const BOLD = 1
/** Of the longest name of a kind of namespace, and a space. */
const KIND_WIDTH = 7
const LETTER_GAP = 2
const INDENT = '  '

type Shared = Map<string, Map<number, number>>

const paintShared = (number: number, text: string, paint: Paint): string =>
  paint(COLOURS[number % COLOURS.length] ?? 0, text)

/** `columns`: only letters, and names cut, so that it fits; without, all of it. */
const formatRows = (graph: Graph, shared: Shared, paint: Paint, columns?: number): string => {
  const narrow = columns !== undefined
  const formatInode = (name: string, inode: number | undefined): string => {
    if (inode === undefined) return '-'
    const number = shared.get(name)?.get(inode)
    if (number === undefined) return narrow ? 'own' : inode.toString()
    return paintShared(number, narrow ? letterOf(number) : `${inode} ${letterOf(number)}`, paint)
  }
  const headers = [
    ...['POD', 'NAME', ...(narrow ? [] : ['KIND']), 'PID'],
    ...graph.namespaces.map((name) => name.toUpperCase()),
  ]
  const rows = graph.rows.map(({ pod, name, kind, pid, inodes }: GraphRow) => [
    ...[pod || '-', name, ...(narrow ? [] : [kind]), pid.toString()].map(printable),
    ...graph.namespaces.map((namespace) => formatInode(namespace, inodes[namespace])),
  ])
  return narrow ? fitTable(headers, rows, { columns, cut: ['POD', 'NAME'] }) : formatTable(headers, rows)
}

/** Where only letters fit into the table: which inode each is. */
const formatLetters = ({ namespaces }: Graph, shared: Shared, paint: Paint, columns: number): string[] =>
  namespaces.flatMap((name) => {
    const letters = [...(shared.get(name) ?? [])].map(([inode, number]) => ({
      text: `${letterOf(number)} ${inode}`,
      number,
    }))
    const width = Math.max(0, ...letters.map(({ text }) => text.length)) + LETTER_GAP
    const lines = inRows(letters, Math.max(1, Math.floor((columns + LETTER_GAP - KIND_WIDTH) / width)))
    return lines.map(
      (line, row) =>
        (row === 0 ? name : '').padEnd(KIND_WIDTH) +
        line.map(({ text, number }) => paintShared(number, text, paint)).join(' '.repeat(LETTER_GAP)),
    )
  })

const formatLink = ({ pod, bridge, veth, device, addresses, ports }: GraphLink): string[] => [
  `${bridge === undefined ? 'no bridge ' : ''}-> ${veth ?? '?'} -> ${device} (${addresses.join(', ')}) of pod ${printable(pod)}`,
  ...ports.map((port) => `${INDENT}published: ${formatGraphPort(port)}`),
]

/** The way of a packet, further in with each line: host, uplink, node, bridge, cable, pod, port. */
const formatNetwork = ({ network: { inode, uplink, missing, bridges, links } }: Graph): string[] => {
  if (uplink === undefined && missing === undefined) return ['no pod has asked for a network yet']
  const node = `node (net ${inode ?? '?'})`
  const known = bridges.map(({ name }) => name)
  const lost = links.filter(({ bridge }) => bridge === undefined || !known.includes(bridge))
  return [
    uplink === undefined
      ? `${node}, no uplink: ${missing ?? ''}`
      : `host -> ${uplink.pid} ${uplink.program} (${uplink.address}) -> tap0 of the ${node}`,
    ...bridges.flatMap(({ name, addresses }) => [
      `${INDENT}-> ${name} (${addresses.join(', ')})`,
      ...links
        .filter(({ bridge }) => bridge === name)
        .flatMap(formatLink)
        .map((line) => INDENT.repeat(2) + line),
    ]),
    ...lost.flatMap(formatLink).map((line) => INDENT + line),
  ]
}

const widthOf = (text: string): number => Math.max(...text.split('\n').map((line) => line.length))

/** What goes on in another line stands further to the right. */
const hang = (line: string, width: number): string[] => {
  if (line.length <= width) return [line]
  const text = line.trimStart()
  const indent = line.slice(0, line.length - text.length)
  return wrap(text, width - indent.length - INDENT.length).map((part, row) =>
    truncate(indent + (row === 0 ? '' : INDENT) + part, width),
  )
}

/** `columns`: those of the terminal, or undefined where there is room for everything. */
export const formatText = (graph: Graph, paint: Paint, columns: number | undefined): string => {
  const shared: Shared = new Map(
    graph.namespaces.map((name) => [name, numberShared(graph.rows.map(({ inodes }) => inodes[name]))]),
  )
  const width = columns ?? Infinity
  const narrow = widthOf(formatRows(graph, shared, (_, text) => text)) > width
  const { inode, users, groups } = graph.userNamespace
  const parent = graph.parentUserNamespace
  return [
    ...(narrow
      ? [
          formatRows(graph, shared, paint, width),
          '',
          ...formatLetters(graph, shared, paint, width),
          '',
          ...hang(NARROW_LEGEND, width),
        ]
      : [formatRows(graph, shared, paint), '', LEGEND]),
    '',
    `${paint(BOLD, 'ids')}  user namespace ${inode ?? '?'}${parent === undefined ? '' : ` in ${parent}`}`,
    ...hang(`  users:  ${formatRanges(users)}`, width),
    ...hang(`  groups: ${formatRanges(groups)}`, width),
    '',
    paint(BOLD, 'network'),
    ...formatNetwork(graph).flatMap((line) => hang(INDENT + line, width)),
    '',
    paint(BOLD, 'cgroups'),
    ...formatCgroups(graph.cgroup, paint, width - INDENT.length)
      .split('\n')
      .map((line) => INDENT + line),
  ].join('\n')
}
