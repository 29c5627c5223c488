/** The graph as boxes in boxes and arrows between them: what the drawn formats have in common. */
import type { Graph, GraphLink, GraphPort, GraphRow, IdRange } from '../api.ts'
import { wrap } from '../help.ts'
import { formatCgroupTable } from './cgroup-table.ts'
import { numberShared } from './select.ts'

export interface Line {
  text: string
  /** Number of the namespace among the shared ones of its kind: the same number is the same colour. */
  shared?: number
  /** The head of a table. */
  isHead?: true
}

export interface Box {
  /** A word of letters, digits and dashes: no language of drawings reads anything else into it. */
  id: string
  kind: 'host' | 'node' | 'network' | 'pod' | 'process' | 'device' | 'cgroup'
  title: string
  lines: Line[]
  /** Side by side in a row, the rows below each other. */
  rows: Box[][]
}

export interface Arrow {
  from: string
  to: string
  label: string
}

export interface Diagram {
  root: Box
  arrows: Arrow[]
}

const box = (kind: Box['kind'], id: string, title: string, more: Partial<Box> = {}): Box => ({
  id,
  kind,
  title,
  lines: [],
  rows: [],
  ...more,
})

const formatRange = ({ inside, outside, count }: IdRange): string =>
  count === 1 ? `${inside} is ${outside}` : `${inside}-${inside + count - 1} are ${outside}-${outside + count - 1}`

export const formatRanges = (ranges: readonly IdRange[]): string => ranges.map(formatRange).join(', ')

export const formatGraphPort = ({ hostIp, hostPort, containerPort, protocol }: GraphPort): string =>
  `${hostIp}:${hostPort} -> ${containerPort}/${protocol}`

/** One line a kind: its inode, and with a letter the ones that it is shared with. */
const listNamespaces = (row: GraphRow, graph: Graph): Line[] =>
  graph.namespaces.flatMap((name) => {
    const inode = row.inodes[name]
    if (inode === undefined) return []
    const shared = numberShared(graph.rows.map(({ inodes }) => inodes[name])).get(inode)
    return [{ text: `${name.padEnd(7)}${inode}`, ...(shared === undefined ? {} : { shared }) }]
  })

const processBox = (row: GraphRow, graph: Graph): Box =>
  box('process', `p${row.pid}`, row.name === row.kind ? row.kind : `${row.name} (${row.kind})`, {
    lines: [{ text: `pid ${row.pid}` }, ...listNamespaces(row, graph)],
  })

const podBox = (pod: string, id: string, graph: Graph, link: GraphLink | undefined): Box => {
  const addresses = link === undefined ? [] : [{ text: `${link.device} ${link.addresses.join(', ')}` }]
  const processes = graph.rows.filter((row) => row.pod === pod).map((row) => processBox(row, graph))
  return box('pod', id, `pod ${pod}`, {
    lines: [...addresses, ...(link?.ports ?? []).map((port) => ({ text: `published ${formatGraphPort(port)}` }))],
    rows: inRows(processes, PROCESSES_A_ROW),
  })
}

/** A reason is a sentence: no box is wider for it than for what it has else. */
const breakReason = (reason: string): Line[] => wrap(reason, REASON_WIDTH).map((text) => ({ text }))

const PODS_A_ROW = 2
const PROCESSES_A_ROW = 4
const REASON_WIDTH = 60

export const inRows = <T>(items: readonly T[], width: number): T[][] =>
  items.length === 0 ? [] : [items.slice(0, width), ...inRows(items.slice(width), width)]

/** Each box of a row with the one above it: programs that place boxes themselves put side by side what no arrow joins. */
export const listBelow = (box: Box): { over: Box; below: Box }[] => [
  ...box.rows.slice(1).flatMap((row, index) => {
    const above = box.rows[index] ?? []
    return row.flatMap((below, column) => {
      const over = above[Math.min(column, above.length - 1)]
      return over === undefined ? [] : [{ over, below }]
    })
  }),
  ...box.rows.flat().flatMap(listBelow),
]

/** A box without boxes in its last row, or itself. */
export const lowestIn = (box: Box): Box => {
  const child = box.rows.findLast((row) => row.length > 0)?.[0]
  return child === undefined ? box : lowestIn(child)
}

/** A box without boxes in its first row, or itself. */
export const highestIn = (box: Box): Box => {
  const child = box.rows.flat()[0]
  return child === undefined ? box : highestIn(child)
}

export const makeDiagram = (graph: Graph): Diagram => {
  const { rows, network, userNamespace, cgroup } = graph
  const pods = [...new Set(rows.flatMap(({ pod }) => (pod === '' ? [] : [pod])))]
  const linkOf = (pod: string) => network.links.find((link) => link.pod === pod)
  const idOfPod = (pod: string) => `pod${pods.indexOf(pod)}`
  const bridges = network.bridges.map(({ name, addresses }, index) =>
    box('device', `bridge${index}`, `bridge ${name}`, { lines: addresses.map((text) => ({ text })) }),
  )
  const { uplink } = network
  const uplinkBox = box('device', 'uplink', uplink?.program ?? 'no uplink', {
    lines:
      uplink === undefined
        ? breakReason(network.missing ?? 'no pod has asked for a network yet')
        : [{ text: `pid ${uplink.pid}` }, { text: `address ${uplink.address}` }, { text: `names ${uplink.dns}` }],
  })
  const networkBox = box('network', 'network', 'network namespace of the node', {
    lines: network.inode === undefined ? [] : [{ text: `net    ${network.inode}` }],
    rows: bridges.length === 0 ? [] : [bridges],
  })
  const node = box('node', 'node', 'user namespace of the node', {
    lines: [
      { text: `user   ${userNamespace.inode ?? '?'}` },
      { text: `users  ${formatRanges(userNamespace.users)}` },
      { text: `groups ${formatRanges(userNamespace.groups)}` },
    ],
    rows: [
      [...rows.filter(({ pod }) => pod === '').map((row) => processBox(row, graph)), networkBox],
      ...inRows(
        pods.map((pod) => podBox(pod, idOfPod(pod), graph, linkOf(pod))),
        PODS_A_ROW,
      ),
    ],
  })
  const cgroups = box('cgroup', 'cgroup', 'cgroups', {
    lines: cgroup.available
      ? formatCgroupTable(cgroup).map((text, row): Line => (row === 0 ? { text, isHead: true } : { text }))
      : breakReason(`none: ${cgroup.reason ?? 'not delegated'}`),
  })
  const host = graph.parentUserNamespace
  return {
    root: box('host', 'host', 'host', {
      lines: host === undefined ? [] : [{ text: `user   ${host}` }],
      rows: [[uplinkBox], [node], [cgroups]],
    }),
    arrows: [
      ...(uplink === undefined ? [] : [{ from: 'uplink', to: 'network', label: 'tap0' }]),
      ...network.links.flatMap(({ pod, bridge, veth, device }) => {
        const index = network.bridges.findIndex(({ name }) => name === bridge)
        return index < 0 ? [] : [{ from: `bridge${index}`, to: idOfPod(pod), label: `${veth ?? '?'} - ${device}` }]
      }),
    ],
  }
}
