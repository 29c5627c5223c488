/** What is shown between two steps, so that it and the next question are on one screen of 80 by 24. */
import type { Moment } from '../api.ts'
import type { Numbered } from '../explain/steps.ts'
import { formatProcess, formatStep, wrapCode, type View } from '../explain/text.ts'
import { printable, truncate } from '../table.ts'

/** Lines of the difference, and of the step: with the question they leave room for one of a screen's lines. */
const CHANGE_LINES = 9
const STEP_LINES = 11
const RED = 31
const GREEN = 32
const DIM = 2
const BOLD = 1

export const KEYS = '[Enter] make it   g go to   s state   ! shell   a play   q undo   ? help'
export const HELP = [
  'Enter, n   make this step, and stop before the next',
  'g STEP-ID  go on until that step is the next; Tab completes its name',
  's          what the kernel says of the process that is being made, page by page',
  '!          a shell in the namespaces of that process; its end leads back here',
  'a          play: go on by itself, with a pause at each step; any key stops it',
  'q, Ctrl-C  leave: what was made is taken back',
  '?          this help',
].join('\n')

const clip = (lines: string[], most: number, view: View, more: string): string[] =>
  lines.length <= most
    ? lines
    : [...lines.slice(0, most - 1), view.paint(DIM, `    … and ${lines.length - most + 1} more ${more}`)]

const fact = (sign: string, about: string, line: string, { names, width }: View): string =>
  truncate(`${sign} ${printable(about)}: ${printable(names.shorten(line))}`, width)

export const formatChanges = ({ changes }: Pick<Moment, 'changes'>, view: View): string[] =>
  clip(
    changes.flatMap(({ about, gone, come }) => [
      ...gone.map((line) => view.paint(RED, fact('-', about, line, view))),
      ...come.map((line) => view.paint(GREEN, fact('+', about, line, view))),
    ]),
    CHANGE_LINES,
    view,
    '(s shows the state)',
  )

/** All of it, in full: a noun a paragraph. */
export const formatState = ({ pid, state }: Moment, view: View): string[] =>
  state === undefined
    ? [pid === undefined ? 'no process is being made yet' : `process ${pid} is gone: there is no /proc/${pid}`]
    : [
        view.paint(BOLD, `process ${pid}`),
        ...Object.entries(state).flatMap(([about, lines]) => [
          ...(lines.length === 0 ? [] : [view.paint(BOLD, `  ${printable(about)}`)]),
          ...lines
            .flatMap((line) => wrapCode(printable(view.names.shorten(line)), view.width - 4))
            .map((line) => `    ${line}`),
        ]),
      ]

/** @param entered the process that goes on here, where it is another than before. */
export const formatMoment = (moment: Moment, { step, number }: Numbered, view: View, entered?: string): string =>
  [
    ...formatChanges(moment, view),
    ...(entered === undefined ? [] : [formatProcess(entered, view)]),
    ...clip(formatStep(step, number, view).split('\n'), STEP_LINES, view, 'lines (glasspod explain run ...)'),
  ].join('\n')
