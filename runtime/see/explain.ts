/** A plan as prose for a program to print: each step with its reason, its man page and what is really done. */
import type { Call } from '../init/call.ts'
import type { Arg, Step } from '../plan/step.ts'
import { formatCall } from '../plan/strace.ts'

export interface ExplainedStep {
  id: string
  kind: string
  why: string
  man: string
  see?: string
  undo?: string
  text: string
  inside?: ExplainedStep[]
}

/** A value that is longer is a file of its own, and shown as one. */
const LINE = 200

const variable = (id: string): string => `$${id.replace(/[^a-z0-9]+/gi, '_').toUpperCase()}`

const formatArg = (arg: Arg): string => {
  if (typeof arg !== 'string') return arg.text?.(variable(arg.from)) ?? variable(arg.from)
  return /^[\w@%+=:,./$-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`
}

/** {a,b} in a path is meant for the shell. */
const formatPath = (path: string): string => (/^[\w@%+=:,./{}-]+$/.test(path) ? path : formatArg(path))

export const formatStep = (step: Step): string => {
  switch (step.kind) {
    case 'write':
      return step.value.length > LINE
        ? `cat > ${formatPath(step.path)}`
        : `echo ${formatArg(step.value)} > ${step.path}`
    case 'mkdir':
      return `mkdir ${formatPath(step.path)}`
    case 'enter':
      return [...step.argv, step.program].map(formatArg).join(' ')
    case 'call':
      return [step.effect, ...Object.entries(step.input).map(([key, value]) => `${key}=${String(value)}`)].join(' ')
  }
}

/** Calls of one step are one step here: its first reason, and a line a call. */
export const explainCalls = (calls: readonly Call[]): ExplainedStep[] => {
  const steps: ExplainedStep[] = []
  for (const call of calls) {
    const last = steps.at(-1)
    if (last?.id === call.id && (call.why === '' || last.why === '')) {
      last.text += `\n${formatCall(call)}`
      if (last.why === '') last.why = call.why
    } else
      steps.push({
        id: call.id,
        kind: 'syscall',
        why: call.why,
        man: call.man,
        ...(call.see === undefined ? {} : { see: call.see }),
        text: formatCall(call),
      })
  }
  return steps
}

export const explainSteps = (steps: readonly Step[]): ExplainedStep[] =>
  steps.map((step) => ({
    id: step.id,
    kind: step.kind,
    why: step.why,
    man: step.man,
    ...(step.see === undefined ? {} : { see: step.see }),
    ...(step.undo === undefined ? {} : { undo: formatStep(step.undo) }),
    text: formatStep(step),
    ...(step.kind === 'enter' ? { inside: explainCalls(step.inside) } : {}),
  }))
