/** A plan as a trace: what strace(1) would print of it, each step under its name, and where a program may branch. */
import type { ExplainedCall, ExplainedStep } from '../api.ts'
import { printable } from '../table.ts'

const formatBranch = ({ tolerate, onError, onZero, text }: ExplainedCall): string => {
  if (text.startsWith('goto ')) return ''
  const errors = tolerate === undefined ? '' : ` ${tolerate === 'any' ? 'any error' : tolerate.join(' ')}`
  const parts = [
    ...(errors === '' ? [] : [`?${errors}${onError === undefined ? '' : ` -> ${onError}`}`]),
    ...(onZero === undefined ? [] : [`0 -> ${onZero}`]),
  ]
  return parts.length === 0 ? '' : `  /* ${parts.join('; ')} */`
}

const formatCall = (call: ExplainedCall): string[] => [
  ...(call.label === undefined ? [] : [`${call.label}:`]),
  `${printable(call.text)}${formatBranch(call)}`,
]

/** `micros`: as strace -T has it, behind the step. */
export const formatStrace = (step: ExplainedStep, number: string, micros?: number): string => {
  const time = micros === undefined ? '' : ` <${(micros / 1e6).toFixed(6)}>`
  const process = step.process === undefined ? '' : ` [${step.process}]`
  const lines = step.calls?.flatMap(formatCall) ?? step.text.split('\n').map((line) => `$ ${printable(line)}`)
  return [`# ${number} ${step.id}${process}${time}`, ...lines].join('\n')
}

export const formatStraceSteps = (steps: readonly ExplainedStep[]): string =>
  steps
    .flatMap((step, index) => [
      formatStrace(step, `${index + 1}`),
      ...(step.inside ?? []).map((inner, at) => formatStrace(inner, `${index + 1}.${at + 1}`)),
    ])
    .join('\n')
