/** Runs a plan: each step in order; if one fails, what is done is undone in reverse, and the error says all of it. */
import { closeSync, constants, fchmodSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { errnoOf, Failure, isFailure } from './errors.ts'
import { launchProgram, leftAt, type Launch } from './launch.ts'
import type { Before, Done } from './plan/report.ts'
import type { Arg, Step, StepId } from './plan/step.ts'
import { planUndo } from './plan/undo.ts'

export type Effect = (input: Record<string, string | string[]>) => Promise<string | undefined>

/** Follows one list: told of its steps by their numbers, from 0. */
export interface ListWatch {
  /** What of the list is to be made; all of it without. */
  steps?: readonly Step[]
  /** Waited for before a step, and before each one inside an init program; false: not this one, and undo the others. */
  before?: ((step: number, inside?: Before) => Promise<boolean>) | undefined
  began: (step: number) => void
  /** A step inside an init program, by the number of its group (plan/groups.ts). */
  innerDone: (step: number, done: Done) => void
  /** Microseconds; of a step of kind 'enter' from its start until its program is what it was to become. */
  done: (step: number, micros: number) => void
  failed: (step: number, error: unknown) => void
}

/** Follows all lists that a command leads to; told of each before its first step. */
export type Watch = (steps: readonly Step[]) => ListWatch

export interface Execution {
  /** What a step of kind 'call' means, by the name of its effect. */
  effects: Record<string, Effect>
  /** Told before the next step runs: what must be on disk when the agent dies here. */
  onValue?: (id: StepId, value: string) => void
  /** An init program has told its pid and has not begun; its status socket takes a byte. */
  onPid?: (id: StepId, pid: number, status: Socket) => void
  watch?: Watch | undefined
}

/** A longer value is a file of its own, and not shown. */
const SHOWN = 60

export const executeSteps = async (planned: readonly Step[], execution: Execution): Promise<void> => {
  const values = new Map<StepId, string>()
  const list = execution.watch?.(planned)
  const steps = list?.steps ?? planned
  for (const [index, step] of steps.entries()) {
    let done = index
    try {
      const value = await watched(step, values, execution, list, index)
      done = index + 1
      if (value === undefined) continue
      values.set(step.id, value)
      execution.onValue?.(step.id, value)
    } catch (error) {
      const failures = await undoSteps(steps.slice(0, done), execution)
      throw failures.length === 0 ? error : withCleanup(error, failures)
    }
  }
}

/** Takes back what the steps did, the last first. Each is tried whatever became of the others; what failed is returned. */
export const undoSteps = async (steps: readonly Step[], execution: Execution): Promise<unknown[]> => {
  const failures: unknown[] = []
  const undos = planUndo(steps)
  const told = undos.length === 0 ? undefined : execution.watch?.(undos)
  // Nobody is asked whether to clean up.
  const list = told && { ...told, before: undefined }
  for (const [index, undo] of undos.entries())
    await watched(undo, new Map(), execution, list, index).catch((error: unknown) => failures.push(error))
  return failures
}

const watched = async (
  step: Step,
  values: ReadonlyMap<StepId, string>,
  execution: Execution,
  list: ListWatch | undefined,
  index: number,
): Promise<string | undefined> => {
  if (list === undefined) return executeStep(step, values, execution)
  const { before } = list
  list.began(index)
  const began = performance.now()
  try {
    if (before !== undefined && !(await before(index))) throw leftAt(step.id)
    const value = await executeStep(step, values, execution, {
      onDone: (done) => list.innerDone(index, done),
      onBefore: before && ((inside) => before(index, inside)),
    })
    list.done(index, (performance.now() - began) * 1000)
    return value
  } catch (error) {
    list.failed(index, error)
    throw error
  }
}

const executeStep = async (
  step: Step,
  values: ReadonlyMap<StepId, string>,
  { effects, onPid }: Execution,
  reports: Pick<Launch, 'onDone' | 'onBefore'> = {},
): Promise<string | undefined> => {
  switch (step.kind) {
    case 'mkdir':
    case 'write':
      try {
        if (step.kind === 'mkdir') makeDirectory(step)
        else writeFileSync(step.path, step.value, { mode: 0o600 })
      } catch (error) {
        throw nameFailure(step, error)
      }
      return undefined
    case 'enter': {
      const pid = await launchProgram({
        prefix: step.argv.map((arg) => bind(arg, values)),
        calls: step.inside,
        file: step.program,
        ...(onPid === undefined ? {} : { onPid: (told, status) => onPid(step.id, told, status) }),
        ...reports,
      })
      return `${pid}`
    }
    case 'signal':
      sendSignal(step.pid, step.signal)
      return undefined
    case 'call': {
      const effect = effects[step.effect]
      if (effect === undefined) throw new Error(`step ${step.id}: nothing does ${step.effect}`)
      return effect(step.input)
    }
  }
}

/** As mkdir(1) does it: a mode that is asked for is not less by the umask, and a directory that is there keeps its own. */
const makeDirectory = ({ path, mode }: Extract<Step, { kind: 'mkdir' }>): void => {
  const made = mkdirSync(path, { recursive: true, mode: mode ?? 0o755 })
  if (made === undefined || mode === undefined) return
  // by descriptor: where others may write, its name could be a link by now
  const directory = openSync(path, constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    fchmodSync(directory, mode)
  } finally {
    closeSync(directory)
  }
}

/** What the system answered is the user's to know: a full disk, a value that the kernel does not take. */
const nameFailure = (step: Extract<Step, { kind: 'mkdir' | 'write' }>, error: unknown): unknown => {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const what = step.kind === 'write' && step.value.length <= SHOWN ? `write ${step.value} to` : step.kind
  return new Failure(`${what} ${step.path}: ${errno}`, { id: step.id, why: step.why, see: step.man }, { cause: error })
}

/** One that has just gone needs none. */
const sendSignal = (pid: number, signal: number): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

const bind = (arg: Arg, values: ReadonlyMap<StepId, string>): string => {
  if (typeof arg === 'string') return arg
  const value = values.get(arg.from)
  if (value === undefined) throw new Error(`no step ${arg.from} has run`)
  return arg.text?.(value) ?? value
}

const withCleanup = (error: unknown, failures: unknown[]): Error => {
  const cause = new AggregateError(failures, 'the clean-up failed too')
  const said = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure))).join('; ')
  if (!isFailure(error)) return new Error(error instanceof Error ? error.message : String(error), { cause })
  return new Failure(`${error.message}; and the clean-up failed: ${said}`, error.facts, { cause })
}
