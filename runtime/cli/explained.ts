/** A plan in prose: for each step why, the exact command or call, its man page, and how to see or undo it. */
import type { ExplainedStep } from './api.ts'
import type { Paint } from './colour.ts'
import { wrap } from './help.ts'
import { printable } from './table.ts'

const WIDTH = 80
const BOLD = 1
const DIM = 2
const COMMAND = 36

const formatStep = (step: ExplainedStep, number: string, depth: number, paint: Paint): string[] => {
  const indent = ' '.repeat(depth * 4)
  const body = `${indent}    `
  const note = (name: string, text: string | undefined) =>
    text === undefined ? [] : [`${body}${paint(DIM, name.padEnd(4))} ${printable(text)}`]
  return [
    `${indent}${paint(BOLD, `${number}. ${step.id}`)}  ${paint(DIM, step.man)}`,
    ...wrap(printable(step.why), WIDTH - body.length).map((line) => body + line),
    // a program of several lines (an ip batch, an nft table) keeps them
    ...step.text
      .split('\n')
      .map((line, index) => `${body}${index === 0 ? '$' : ' '} ${paint(COMMAND, printable(line))}`),
    ...note('see', step.see),
    ...note('undo', step.undo),
    ...(step.inside ?? []).flatMap((inner, index) => formatStep(inner, `${number}.${index + 1}`, depth + 1, paint)),
  ]
}

export const formatSteps = (steps: readonly ExplainedStep[], paint: Paint): string =>
  steps.map((step, index) => formatStep(step, `${index + 1}`, 0, paint).join('\n')).join('\n\n')
