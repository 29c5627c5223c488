/** A plan as prose for a program to print: each step with its reason, its man page and what is really done. */
import type { Call } from '../init/call.ts'
import { groupCalls } from '../plan/groups.ts'
import type { Arg, Step } from '../plan/step.ts'
import { formatCall } from '../plan/strace.ts'
import { quoteAround } from '../spec/shell-words.ts'
import { signalName } from '../spec/signals.ts'
import { seeInside, seeOf } from './effects.ts'
import { undoInside, undoOf } from './undo.ts'

/** A call, and where it leads: a program is a list with branches. */
export interface ExplainedCall {
  text: string
  label?: string
  /** Errors that are taken in stride. */
  tolerate?: readonly string[] | 'any'
  /** Where it goes on after one of them, and after a result of 0. */
  onError?: string
  onZero?: string
}

export interface ExplainedStep {
  id: string
  kind: string
  why: string
  man: string
  see: string
  undo: string
  /** The exact command, or a line a call. */
  text: string
  /** Which of the program's processes makes it. */
  process?: string
  /** And whether that process has closed its reports: nothing is told of it then, and nothing stops before it. */
  unheard?: true
  calls?: ExplainedCall[]
  inside?: ExplainedStep[]
}

/** A value that is longer is a file of its own, and shown as one. */
const LINE = 200

const variable = (id: string): string => `$${id.replace(/[^a-z0-9]+/gi, '_').toUpperCase()}`

const formatArg = (arg: Arg): string => {
  if (typeof arg !== 'string') return arg.text?.(variable(arg.from)) ?? variable(arg.from)
  return quoteAround(arg)
}

export const formatStep = (step: Step): string => {
  switch (step.kind) {
    case 'write':
      if (step.value === '') return `: >> ${formatArg(step.path)}`
      return step.value.length > LINE
        ? `cat > ${formatArg(step.path)}`
        : `echo ${formatArg(step.value)} > ${formatArg(step.path)}`
    case 'mkdir':
      return `mkdir -p${step.mode === undefined ? '' : ` -m ${step.mode.toString(8)}`} ${formatArg(step.path)}`
    case 'enter':
      return [...step.argv, step.program].map(formatArg).join(' ')
    case 'signal':
      return `kill -${signalName(step.signal).replace(/^SIG/, '')} ${step.pid}`
    case 'call':
      if (step.shell !== undefined) return step.shell
      return [step.effect, ...Object.entries(step.input).map(([key, value]) => `${key}=${String(value)}`)].join(' ')
  }
}

const explainCall = (call: Call): ExplainedCall => {
  const { label, tolerate, onError, onZero } = call
  return {
    text: formatCall(call),
    ...(label === undefined ? {} : { label }),
    ...(tolerate === undefined || tolerate.length === 0 ? {} : { tolerate }),
    ...(onError === undefined ? {} : { onError }),
    ...(onZero === undefined ? {} : { onZero }),
  }
}

/** Calls of one step are one step here, with a line a call. */
export const explainCalls = (list: readonly Call[]): ExplainedStep[] =>
  groupCalls(list).map(({ id, why, man, see, process, heard, calls }) => ({
    id,
    kind: 'syscall',
    why,
    man,
    see: seeInside(id, see),
    undo: undoInside(id),
    text: calls.map(formatCall).join('\n'),
    process,
    ...(heard ? {} : { unheard: true as const }),
    calls: calls.map(explainCall),
  }))

export const explainSteps = (steps: readonly Step[]): ExplainedStep[] =>
  steps.map((step) => ({
    id: step.id,
    kind: step.kind,
    why: step.why,
    man: step.man,
    see: seeOf(step),
    undo: undoOf(step, formatStep),
    text: formatStep(step),
    ...(step.kind === 'enter' ? { inside: explainCalls(step.inside) } : {}),
  }))
