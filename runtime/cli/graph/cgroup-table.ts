/** The cgroup tree for a drawing: a table, in which what is deeper is further to the right. */
import type { CgroupNode } from '../api.ts'
import { formatFacts } from '../cgroup-facts.ts'
import { formatTable, printable } from '../table.ts'

/** The facts that have a column of their own, as they begin. */
const COLUMNS = ['memory', 'cpu', 'pids', 'pressure']

interface Row {
  name: string
  facts: string[]
}

const listRows = (node: CgroupNode, before = '', way = ''): Row[] => [
  { name: before + printable(node.name), facts: formatFacts(node.facts) },
  ...node.children.flatMap((child, index) => {
    const last = index === node.children.length - 1
    return listRows(child, way + (last ? '└─ ' : '├─ '), way + (last ? '   ' : '│  '))
  }),
]

const isOf = (fact: string, column: string): boolean => fact.startsWith(`${column} `)

export const formatCgroupTable = (tree: CgroupNode): string[] => {
  const rows = listRows(tree)
  const columns = COLUMNS.filter((column) => rows.some(({ facts }) => facts.some((fact) => isOf(fact, column))))
  const others = rows.map(({ facts }) => facts.filter((fact) => !columns.some((column) => isOf(fact, column))))
  const more = others.some((facts) => facts.length > 0)
  const cells = rows.map(({ name, facts }, row) => [
    name,
    ...columns.map((column) => facts.find((fact) => isOf(fact, column))?.slice(column.length + 1) ?? ''),
    ...(more ? [others[row]?.join(', ') ?? ''] : []),
  ])
  return formatTable(['cgroup', ...columns, ...(more ? ['more'] : [])], cells).split('\n')
}
