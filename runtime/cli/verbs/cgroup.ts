import { formatFacts } from '../cgroup-facts.ts'
import type { CgroupNode, CgroupTree } from '../api.ts'
import { type Paint, isColourful, makePaint } from '../colour.ts'
import { wrap } from '../help.ts'
import { STDOUT, print, printJson } from '../output.ts'
import { printable } from '../table.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const DIM = 2
const BOLD = 1
const WIDTH = 78
const TRY = ' try    '

const formatNode = (node: CgroupNode, paint: Paint): string[] => {
  const leaves = node.processes.map(({ pid, name }) => [`${pid} ${printable(name)}`])
  const branches = [...leaves, ...node.children.map((child) => formatNode(child, paint))]
  return [
    [paint(BOLD, printable(node.name)), paint(DIM, node.kind), formatFacts(node.facts).join(', ')]
      .filter((part) => part !== '')
      .join('  '),
    ...branches.flatMap((lines, index) => {
      const last = index === branches.length - 1
      return lines.map((line, row) => (row === 0 ? (last ? '└─ ' : '├─ ') : last ? '   ' : '│  ') + line)
    }),
  ]
}

const formatAbsence = ({ reason = 'the agent has none delegated to it', remedy }: CgroupTree): string[] => [
  ...wrap(`no cgroups here: ${reason}`, WIDTH),
  ...(remedy === undefined
    ? []
    : wrap(remedy, WIDTH - TRY.length).map((line, row) => (row === 0 ? TRY : ' '.repeat(TRY.length)) + line)),
]

export const formatCgroups = (tree: CgroupTree, paint: Paint): string =>
  (tree.available ? formatNode(tree, paint) : formatAbsence(tree)).join('\n')

export const verb = defineVerb({
  options: { format: { ...FORMAT, metavar: 'tree|json', choices: ['tree', 'json'], about: 'a drawing, or JSON' } },
  operands: NO_OPERANDS,
  example: 'glasspod cgroup',
  async run({ options: { format }, agent }) {
    const tree = await (await agent()).get<CgroupTree>('/glasspod/cgroup')
    if (format === 'json') return printJson(tree)
    print(formatCgroups(tree, makePaint(isColourful(STDOUT))))
  },
})
