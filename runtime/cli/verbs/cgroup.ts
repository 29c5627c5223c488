import { formatFacts } from '../cgroup-facts.ts'
import type { CgroupNode, CgroupTree } from '../api.ts'
import { type Paint, isColourful, makePaint } from '../colour.ts'
import { wrap } from '../help.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { printable, truncate } from '../table.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const DIM = 2
const BOLD = 1
const TRY = ' try    '
const BRANCH = 3
const GAP = 2

/** In lines between one fact and the next; on the first `used` columns are taken. */
const breakFacts = (facts: readonly string[], used: number, width: number): string[] => {
  const lines = ['']
  for (const [index, fact] of facts.entries()) {
    const text = index === facts.length - 1 ? fact : `${fact},`
    const last = lines.at(-1) ?? ''
    const taken = (lines.length === 1 ? used : 0) + last.length + (last === '' ? 0 : 1)
    if (taken + text.length <= width) lines[lines.length - 1] = last === '' ? text : `${last} ${text}`
    else lines.push(...wrap(text, width))
  }
  return lines
}

/** `width`: for a node and all below it. What does not fit goes on below, beside the way to the children. */
const formatNode = (node: CgroupNode, paint: Paint, width: number): string[] => {
  const inner = width - BRANCH
  const leaves = node.processes.map(({ pid, name }) => [truncate(`${pid} ${printable(name)}`, inner)])
  const branches = [...leaves, ...node.children.map((child) => formatNode(child, paint, inner))]
  const kind = node.kind === node.name ? '' : node.kind
  const name = truncate(printable(node.name), width - (kind === '' ? 0 : kind.length + GAP))
  const used = name.length + (kind === '' ? 0 : GAP + kind.length) + GAP
  const [first = '', ...more] = breakFacts(formatFacts(node.facts), used - BRANCH, inner)
  return [
    [paint(BOLD, name), ...(kind === '' ? [] : [paint(DIM, kind)]), ...(first === '' ? [] : [first])].join('  '),
    ...more.map((line) => (branches.length > 0 ? '│  ' : '   ') + line),
    ...branches.flatMap((lines, index) => {
      const last = index === branches.length - 1
      return lines.map((line, row) => (row === 0 ? (last ? '└─ ' : '├─ ') : last ? '   ' : '│  ') + line)
    }),
  ]
}

const formatAbsence = ({ reason = 'the agent has none delegated to it', remedy }: CgroupTree, width: number) => [
  ...wrap(`no cgroups here: ${reason}`, width),
  ...(remedy === undefined
    ? []
    : wrap(remedy, width - TRY.length).map((line, row) => (row === 0 ? TRY : ' '.repeat(TRY.length)) + line)),
]

/** `width`: columns of the terminal; without, each cgroup has a line, however long. */
export const formatCgroups = (tree: CgroupTree, paint: Paint, width = Infinity): string =>
  (tree.available ? formatNode(tree, paint, width) : formatAbsence(tree, width)).join('\n')

export const verb = defineVerb({
  options: { format: { ...FORMAT, metavar: 'tree|json', choices: ['tree', 'json'], about: 'a drawing, or JSON' } },
  operands: NO_OPERANDS,
  example: 'glasspod cgroup',
  async run({ options: { format }, agent }) {
    const tree = await (await agent()).get<CgroupTree>('/glasspod/cgroup')
    if (format === 'json') return printJson(tree)
    print(formatCgroups(tree, makePaint(isColourful(STDOUT)), readColumns(STDOUT)))
  },
})
