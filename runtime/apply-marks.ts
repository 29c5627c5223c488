/** The marks of a layer, made by a program of system calls (kernel/layer-marks.ts). */
import type { Mark } from './kernel/layer-marks.ts'
import { planMarks } from './kernel/layer-marks.ts'
import { launchProgram } from './launch.ts'
import { planFatal, planTellPid } from './plan/monitor.ts'
import { calls } from './init/call.ts'

/** Marks a program: each is some records of 96 bytes, and its paths. */
const MARKS_AT_ONCE = 2000

let count = 0

/** @param directory takes the throw-away executables. @throws Failure that names the call and the path. */
export const applyMarks = async (marks: readonly Mark[], directory: string): Promise<void> => {
  for (let at = 0; at < marks.length; at += MARKS_AT_ONCE)
    await launchProgram({
      prefix: [],
      calls: [
        ...planTellPid(),
        ...planMarks(marks.slice(at, at + MARKS_AT_ONCE)),
        calls('layer.done', 'exit_group(2)')('exit_group', [0]),
        ...planFatal(),
      ],
      file: `${directory}/.marks-${process.pid}-${++count}`,
    })
}
