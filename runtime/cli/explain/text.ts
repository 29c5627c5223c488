/** A plan in prose: for each step why, its man page, the exact command or call, how to see and undo it. */
import type { ExplainedStep } from '../api.ts'
import type { Paint } from '../colour.ts'
import { wrap } from '../help.ts'
import { printable } from '../table.ts'
import { makeNames, type Names } from './names.ts'

/** Where nobody says. */
const WIDTH = 80
/** Of what is said of a step. */
const INDENT = 4
const BOLD = 1
const DIM = 2
const RED = 31
const GREEN = 32
const COMMAND = 36

/** How a step came out, where it was made. */
export interface Outcome {
  ok: boolean
  /** Microseconds; a step that ends with its program's end has none. */
  micros?: number | undefined
  message?: string
}

export interface View {
  paint: Paint
  names: Names
  /** Columns. */
  width: number
}

export const makeView = (paint: Paint, root: string, width = WIDTH): View => ({ paint, names: makeNames(root), width })

/** Breaks a command or a call after a comma, a space, a colon or a slash; further lines are indented. */
export const wrapCode = (text: string, width: number): string[] => {
  const lines: string[] = []
  for (let rest = text; rest !== '';) {
    const indent = lines.length === 0 ? '' : '  '
    const room = width - indent.length
    const head = rest.slice(0, room)
    const cut =
      rest.length <= room
        ? room
        : ([/^.*, /s, /^.* /s, /^.*[,:|]/s, /^.*\//s]
            .map((pattern) => pattern.exec(head)?.[0].length ?? 0)
            .find((length) => length > room / 3) ?? room)
    lines.push(indent + rest.slice(0, cut).trimEnd())
    rest = rest.slice(cut)
  }
  return lines
}

export const formatMicros = (micros: number): string => `${micros.toLocaleString('en-US')} µs`

const MARKS = { true: '✔', false: '✘' }

/** `✔ 5.24 rootfs.overlay                              mount(8)  68 µs` */
export const formatHead = (step: ExplainedStep, number: string, { paint, width }: View, outcome?: Outcome): string => {
  const mark = outcome === undefined ? '' : `${MARKS[`${outcome.ok}`]} `
  const time = outcome?.micros === undefined ? '' : `  ${formatMicros(outcome.micros)}`
  const gap = width - mark.length - number.length - step.id.length - 1 - step.man.length - time.length
  const painted = mark === '' ? '' : paint(outcome?.ok === true ? GREEN : RED, mark)
  return `${painted}${paint(BOLD, `${number} ${step.id}`)}${' '.repeat(Math.max(2, gap))}${paint(DIM, step.man + time)}`
}

/** `see` and `undo`, beside each other where there is room. Of what is inside a program, its process says the undo. */
const formatNotes = ({ see, undo, process }: ExplainedStep, { paint, names, width }: View): string[] => {
  const room = width - INDENT
  const notes = [
    ...(see === undefined ? [] : [`see  ${printable(names.shorten(see))}`]),
    ...(undo === undefined || process !== undefined ? [] : [`undo ${printable(names.shorten(undo))}`]),
  ]
  const line = notes.join('   ')
  const lines = line === '' ? [] : line.length <= room ? [line] : notes.flatMap((note) => wrapCode(note, room))
  return lines.map((text) => `    ${paint(DIM, text)}`)
}

/** One step, without what is inside it; before it the names that it brings up. */
export const formatStep = (step: ExplainedStep, number: string, view: View, outcome?: Outcome): string => {
  const { paint, names, width } = view
  const room = width - INDENT
  const command = (step.calls === undefined ? step.text.split('\n') : step.calls.map(({ text }) => text))
    // In a trace they are lines (--format strace); here they would only say that a step has branches.
    .filter((line) => !line.startsWith('goto '))
    .flatMap((line) => wrapCode(printable(names.shorten(line)), room - 2))
  const body = [
    formatHead(step, number, view, outcome),
    ...(outcome?.message === undefined
      ? []
      : wrap(printable(outcome.message), room).map((line) => `    ${paint(RED, line)}`)),
    ...wrap(printable(names.shorten(step.why)), room).map((line) => `    ${line}`),
    ...command.map((line, index) => `    ${index === 0 ? '$' : ' '} ${paint(COMMAND, line)}`),
    ...formatNotes(step, view),
  ]
  const news = names.news().flatMap((line) => wrapCode(line, width))
  return [...news.map((line) => paint(DIM, line)), ...body].join('\n')
}

const UNDO: Record<string, string> = {
  container: 'undo glasspod kill NAME: namespaces and mounts end with their last process',
  'whoever failed': 'undo nothing is left of it',
}

/** `── container ─────`: from here on another process, and what takes back all that it makes. */
export const formatProcess = (process: string, { paint, width }: View): string =>
  paint(
    DIM,
    [
      `── ${process} ${'─'.repeat(Math.max(0, width - process.length - 4))}`,
      ...wrap(
        UNDO[process] ?? 'undo it ends with the process, and the namespaces with their last one',
        width - INDENT,
      ).map((line) => `    ${line}`),
    ].join('\n'),
  )

const formatInside = (inside: readonly ExplainedStep[], number: string, view: View): string[] =>
  inside.flatMap((step, index) => [
    ...(step.process === undefined || step.process === inside[index - 1]?.process
      ? []
      : [formatProcess(step.process, view)]),
    formatStep(step, `${number}.${index + 1}`, view),
  ])

export const formatSteps = (steps: readonly ExplainedStep[], view: View): string =>
  steps
    .flatMap((step, index) => [
      ...(step.when === undefined || step.when === steps[index - 1]?.when ? [] : [view.paint(BOLD, `${step.when}:`)]),
      formatStep(step, `${index + 1}`, view),
      ...formatInside(step.inside ?? [], `${index + 1}`, view),
    ])
    .join('\n\n')
