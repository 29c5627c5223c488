import type { Graph } from '../api.ts'
import { type Paint, isColourful, makePaint } from '../colour.ts'
import { STDOUT, print, printJson } from '../output.ts'
import { formatTable, printable } from '../table.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const LEGEND = 'a, b, ...: the same namespace in several rows; without a letter: its own'
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const COLOURS = [36, 33, 35, 32, 34, 31]

/** Numbers each namespace that two or more rows are in: in one column the first is 0, the next 1. */
export const numberShared = (inodes: readonly (number | undefined)[]): Map<number, number> => {
  const known = inodes.filter((inode) => inode !== undefined)
  const shared = [...new Set(known)].filter((inode) => known.filter((other) => other === inode).length > 1)
  return new Map(shared.map((inode, index) => [inode, index]))
}

const markOf = (number: number): string =>
  (LETTERS[number % LETTERS.length] ?? '').repeat(1 + Math.floor(number / LETTERS.length))

export const formatGraph = ({ namespaces, rows }: Graph, paint: Paint): string => {
  const shared = new Map(namespaces.map((name) => [name, numberShared(rows.map(({ inodes }) => inodes[name]))]))
  const formatInode = (name: string, inode: number | undefined) => {
    if (inode === undefined) return '-'
    const number = shared.get(name)?.get(inode)
    return number === undefined
      ? inode.toString()
      : paint(COLOURS[number % COLOURS.length] ?? 0, `${inode} ${markOf(number)}`)
  }
  const table = formatTable(
    ['POD', 'NAME', 'KIND', 'PID', ...namespaces.map((name) => name.toUpperCase())],
    rows.map(({ pod, name, kind, pid, inodes }) => [
      ...[pod || '-', name, kind, pid.toString()].map(printable),
      ...namespaces.map((namespace) => formatInode(namespace, inodes[namespace])),
    ]),
  )
  return `${table}\n\n${LEGEND}`
}

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: NO_OPERANDS,
  example: 'glasspod graph',
  async run({ options: { format }, agent }) {
    const graph = await (await agent()).get<Graph>('/glasspod/graph')
    if (format === 'json') return printJson(graph)
    print(formatGraph(graph, makePaint(isColourful(STDOUT))))
  },
})
