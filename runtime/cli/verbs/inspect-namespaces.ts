import type { IdRange } from '../../see/host/id-map.ts'
import type { Member, ProcessNamespaces } from '../../see/host/namespaces.ts'
import { type Paint, isColourful, makePaint } from '../colour.ts'
import { badFlag } from '../options.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { formatTable, printable, truncate } from '../table.ts'
import { FORMAT, defineVerb } from '../verb.ts'

const YELLOW = 33
/** What the other columns of the table have. */
const OTHERS = 41

/** As many as there is room for, and the number of the others. */
const formatMembers = (members: readonly Member[], room: number): string => {
  if (members.length === 0) return 'nobody else'
  const names = members.map(({ pid, name }) => `${pid} ${printable(name)}`)
  for (let shown = names.length; shown > 1; shown -= 1) {
    const more = names.length - shown
    const text = `${names.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
    if (text.length <= room) return text
  }
  return `${names[0] ?? ''}${names.length > 1 ? ` and ${names.length - 1} more` : ''}`
}

const formatRanges = (ranges: readonly IdRange[]): string =>
  ranges.length === 0
    ? 'none: nobody is anybody'
    : ranges.map(({ inside, outside, count }) => `${inside} is ${outside} (${count})`).join(', ')

/** @param columns of the terminal; without one nothing is cut: what reads a pipe has room */
export const formatNamespaces = (facts: ProcessNamespaces, paint: Paint, columns = Infinity): string => {
  const table = formatTable(
    ['NAMESPACE', 'INODE', 'OWNER', 'SHARED WITH'],
    facts.namespaces.map(({ kind, inode, owner, members, differs }) => [
      kind,
      differs ? paint(YELLOW, `${inode} *`) : inode.toString(),
      owner?.toString() ?? '-',
      formatMembers(members, columns - OTHERS),
    ]),
  )
  return [
    truncate(`process ${facts.pid}: ${printable(facts.command === '' ? facts.name : facts.command)}`, columns),
    '',
    table,
    '',
    `user namespaces, outwards: ${facts.ancestors.join(', ')}`,
    `users:  ${formatRanges(facts.maps.users)}`,
    `groups: ${formatRanges(facts.maps.groups)}`,
    '',
    '*: not the one of who asks; OWNER: the user namespace whose root may change it',
    ...(facts.hidden === 0 ? [] : [`not ours to see: ${facts.hidden} process${facts.hidden === 1 ? '' : 'es'}`]),
  ].join('\n')
}

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: { usage: 'PID', min: 1, max: 1 },
  example: 'glasspod inspect namespaces 1',
  async run({ options: { format }, operands: [pid = ''] }) {
    if (!/^[1-9]\d{0,8}$/.test(pid)) throw badFlag(`a process id is a number, not "${pid}"`, 'glasspod ps; ps -e')
    const { readProcessNamespaces } = await import('../../see/host/namespaces.ts')
    const facts = await readProcessNamespaces(Number(pid))
    if (format === 'json') return printJson(facts)
    print(formatNamespaces(facts, makePaint(isColourful(STDOUT)), readColumns(STDOUT)))
  },
})
