/** What doctor found, for people: what is fine in a line a group, what is not with its remedy. */
import type { Finding } from '../see/doctor/examine.ts'
import type { Paint } from './colour.ts'
import { wrap } from './help.ts'
import { wrapShell } from './remedy.ts'
import { printable } from './table.ts'

const WIDTH = 80
const ID_COLUMN = 27

const MARKS: Record<Finding['status'], readonly [mark: string, colour: number]> = {
  fine: ['✔', 32],
  unasked: ['-', 2],
  blocker: ['✘', 31],
  warning: ['!', 33],
  note: ['·', 36],
}

export const isBad = ({ status }: Finding): boolean => status !== 'fine' && status !== 'unasked'

const formatHead = ({ status, id, found }: Finding, paint: Paint): string => {
  const [mark, colour] = MARKS[status]
  const [first = '', ...more] = wrap(printable(found), WIDTH - ID_COLUMN - 4)
  const indent = ' '.repeat(ID_COLUMN + 4)
  return [`  ${paint(colour, mark)} ${id.padEnd(ID_COLUMN)}${first}`, ...more.map((line) => indent + line)].join('\n')
}

const TRY = '      try  '

const formatRemedy = (text: string): string[] =>
  wrapShell(text, WIDTH - TRY.length).map((line, index) => (index === 0 ? TRY : ' '.repeat(TRY.length)) + line)

/** One that several share is given after the last. */
const formatGroup = (findings: readonly Finding[], paint: Paint): string[] =>
  findings.flatMap((finding, index) => {
    const isLater = findings.slice(index + 1).some((other) => other.try === finding.try)
    const remedy = finding.try === undefined || isLater ? [] : formatRemedy(finding.try)
    return [formatHead(finding, paint), ...remedy]
  })

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

export const formatSum = (findings: readonly Finding[]): string => {
  const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length
  return [
    plural(count('blocker'), 'blocker'),
    plural(count('warning'), 'warning'),
    plural(count('note'), 'note'),
    `${count('fine')} fine`,
    ...(count('unasked') === 0 ? [] : [`${count('unasked')} do not arise`]),
  ].join(', ')
}

/** Groups in their order; in each what is bad, or with `all` everything. */
export const formatFindings = (findings: readonly Finding[], paint: Paint, all: boolean): string => {
  const groups = [...new Set(findings.map(({ group }) => group))]
  const lines = groups.flatMap((group) => {
    const members = findings.filter((finding) => finding.group === group)
    const shown = all ? members : members.filter(isBad)
    const fine = members.filter(({ status }) => status === 'fine').length
    const sum = shown.length === 0 ? paint(2, `${fine} fine`) : ''
    return [`${paint(1, group.padEnd(sum === '' ? 0 : ID_COLUMN + 4))}${sum}`, ...formatGroup(shown, paint)]
  })
  const hint = findings.some(isBad) ? 'glasspod doctor ID says why, and where to read on' : ''
  return [...lines, '', formatSum(findings), ...(hint === '' ? [] : [hint])].join('\n')
}

/** One probe with all that is known of it. */
export const formatFinding = (finding: Finding, paint: Paint): string => {
  const { status, id, title, why, found, see } = finding
  const [mark, colour] = MARKS[status]
  const facts: [string, string | undefined][] = [
    ['goal', title],
    ['why', why],
    ['found', found],
    ['try', finding.try],
    ['see', see],
  ]
  return [
    `${paint(colour, `${mark} ${status}`)}  ${paint(1, id)}`,
    ...facts.flatMap(([name, text]) => {
      if (text === undefined) return []
      const lines = (name === 'try' ? wrapShell : wrap)(printable(text), WIDTH - 8)
      return lines.map((line, index) => ` ${(index === 0 ? name : '').padEnd(7)}${line}`)
    }),
  ].join('\n')
}

/** Everything that can be removed, each with the command that does it: in one line, which a shell may be given. */
export const formatLeftovers = (findings: readonly Finding[]): string => {
  const leftovers = findings.flatMap((finding) => finding.leftovers ?? [])
  if (leftovers.length === 0) return 'nothing is left over'
  return leftovers.flatMap(({ what, remove }) => [printable(what), `${TRY}${printable(remove)}`]).join('\n')
}
