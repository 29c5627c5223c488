/** The results as tables: for the terminal, and as a section of docs/performance.md. */
import type { Goal, Row } from './rows.ts'
import type { Usage } from './memory.ts'
import type { Summary } from './timing.ts'

export interface TimedRow {
  title: string
  goal: Goal
  times: Map<string, Summary>
}
export interface Measured {
  count: number
  glasspod: Usage
  podman: Usage
}
export interface Results {
  machine: string[]
  rows: TimedRow[]
  /** With so many idle containers on the bridge. */
  memory: Measured[]
}

type Table = readonly (readonly string[])[]

export const BEGIN = '<!-- results: written by `scripts/bench --markdown` -->'
export const END = '<!-- end of results -->'

/** The goals of memory: kB beside a container's own processes, and for the agent. */
const PER_CONTAINER_KB = 300
const AGENT_KB = 60_000

export const timedRow = ({ title, goal }: Row, times: Map<string, Summary>): TimedRow => ({ title, goal, times })

const digits = (ms: number): string => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0))

const showTime = (time: Summary | undefined): string =>
  time === undefined ? '-' : `${digits(time.median)} ms (${digits(time.min)}-${digits(time.max)}, n ${time.n})`

const showShare = (share: number): string => {
  const part = 1 / share
  return Number.isInteger(Math.round(part * 1e6) / 1e6) && part > 1 ? `1/${Math.round(part)}` : String(share)
}

const met = (fact: boolean): string => (fact ? 'met' : '**missed**')

export const judge = ({ goal, times }: TimedRow): [ratio: string, goal: string, met: string] => {
  const [ours, theirs] = [times.get('glasspod')?.median, times.get(goal.of)?.median]
  const wanted = `<= ${showShare(goal.share)} ${goal.of}`
  if (ours === undefined || theirs === undefined) return ['-', wanted, '-']
  const ratio = ours / theirs
  return [`${ratio.toFixed(2)} ${goal.of}`, wanted, met(ratio <= goal.share)]
}

const floorOf = ({ times }: TimedRow): string => {
  const name = ['crun', 'node'].find((floor) => times.has(floor))
  if (name === undefined) return ''
  return `${name === 'node' ? '`node -e 0`' : name} ${digits(times.get(name)?.median ?? NaN)} ms`
}

const timeTable = (rows: readonly TimedRow[]): Table => [
  ['work', 'glasspod', 'podman', 'floor', 'ratio', 'goal', ''],
  ...rows.map((row) => [
    row.title,
    showTime(row.times.get('glasspod')),
    showTime(row.times.get('podman')),
    floorOf(row),
    ...judge(row),
  ]),
]

const kB = (amount: number): string => `${Math.round(amount)} kB`

const memoryTable = (memory: readonly Measured[]): Table => [
  ['PSS', 'glasspod', 'podman', 'goal', ''],
  ...memory.map(({ count, glasspod, podman }) => {
    const each = glasspod.container / count
    const goal = `<= ${PER_CONTAINER_KB} kB`
    return [
      `each of ${count}, beside its own process`,
      kB(each),
      kB(podman.container / count),
      goal,
      met(each <= PER_CONTAINER_KB),
    ]
  }),
  ...memory.slice(-1).flatMap(({ glasspod, podman }) => [
    ['shared: uplink (slirp4netns and its holder)', kB(glasspod.uplink), kB(podman.uplink), '', ''],
    ['shared: what holds the user namespace', kB(glasspod.holder), kB(podman.holder), '', ''],
    [
      'shared: the agent, after all of the above',
      kB(glasspod.agent),
      'none',
      `<= ${AGENT_KB} kB`,
      met(glasspod.agent <= AGENT_KB),
    ],
  ]),
]

const widthsOf = (table: Table): number[] =>
  (table[0] ?? []).map((_, column) => Math.max(3, ...table.map((row) => (row[column] ?? '').length)))

const markdownTable = (table: Table): string => {
  const widths = widthsOf(table)
  const line = (row: readonly string[]) => `| ${widths.map((width, i) => (row[i] ?? '').padEnd(width)).join(' | ')} |`
  const [head = [], ...rows] = table
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

const plainTable = (table: Table): string => {
  const plain = table.map((row) => row.map((cell) => cell.replace(/[`*]/g, '')))
  const widths = widthsOf(plain)
  return plain
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export const renderPlain = ({ machine, rows, memory }: Results): string =>
  [machine.join('\n'), plainTable(timeTable(rows)), plainTable(memoryTable(memory))].join('\n\n').replaceAll('`', '')

export const renderMarkdown = ({ machine, rows, memory }: Results): string =>
  [
    machine.map((line) => `- ${line}`).join('\n'),
    `Times are medians (least-most, number of runs).`,
    markdownTable(timeTable(rows)),
    markdownTable(memoryTable(memory)),
  ].join('\n\n')

/** The document with its results section replaced; what stands around it is written by people. */
export const replaceSection = (document: string, section: string): string => {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`the document has no section between ${BEGIN} and ${END}`)
  return `${document.slice(0, begin + BEGIN.length)}\n\n${section}\n\n${document.slice(end)}`
}
