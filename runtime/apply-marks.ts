/** The marks of a layer, made by a program of system calls (kernel/layer-marks.ts). */
import type { Mark } from './kernel/layer-marks.ts'
import { planMarks } from './kernel/layer-marks.ts'
import { launchProgram } from './launch.ts'
import { planFatal, planTellPid } from './plan/monitor.ts'
import { calls, type Call } from './init/call.ts'

/** Marks a program: each is some records of 96 bytes, and its paths. */
const MARKS_AT_ONCE = 2000

let count = 0

/** @param directory takes the throw-away executables. @throws Failure that names the call and the path. */
export const applyMarks = (marks: readonly Mark[], directory: string): Promise<void> =>
  applyToFiles(marks, planMarks, directory)

/** The same for other calls, some for each item. */
export const applyToFiles = async <T>(
  items: readonly T[],
  plan: (items: readonly T[]) => Call[],
  directory: string,
): Promise<void> => {
  for (let at = 0; at < items.length; at += MARKS_AT_ONCE)
    await runCalls(plan(items.slice(at, at + MARKS_AT_ONCE)), `${directory}/.marks-${process.pid}-${++count}`)
}

/** A program that makes these calls and ends. @throws Failure that names the call and the path. */
export const runCalls = async (inside: readonly Call[], file: string): Promise<void> => {
  const end = calls('layer.done', 'exit_group(2)')('exit_group', [0])
  await launchProgram({ prefix: [], calls: [...planTellPid(), ...inside, end, ...planFatal()], file })
}
