/**
 * One thing the kernel is asked to do. A plan is a list of these; nothing here touches the system. One list has several
 * renderings: it is run (execute.ts), explained (see/explain.ts), and shown as JSON.
 */
import type { Call, ManPage } from '../init/call.ts'

/** Stable name of a step: errors, tests and docs link to it. */
export type StepId = string

/** What only running can tell is the value of an earlier step: shown as $POD_PAUSE, bound when the step runs. */
export type Arg = string | { from: StepId; text?: (value: string) => string }

interface Why {
  id: StepId
  /** One sentence, present tense, for a learner. */
  why: string
  man: ManPage
  /** A command that shows the effect while it lives. */
  see?: string
  /** What takes it back; run in reverse order. */
  undo?: Step
}

export type Step = Why &
  (
    | { kind: 'mkdir'; path: string; mode?: number }
    /** A file, made if it is missing; cgroupfs and /proc are written to in the same way. */
    | { kind: 'write'; path: string; value: string }
    /** An init program, behind unshare(1) or nsenter(1) where the plan says so. Its value is the pid that it tells. */
    | { kind: 'enter'; argv: Arg[]; program: string; inside: Call[] }
    /** A named effect of ours, with its data, and how a shell would come to the same. Its value is what it returns. */
    | { kind: 'call'; effect: string; input: Record<string, string | string[]>; shell?: string }
    /** kill(2); a process that is gone is no error. */
    | { kind: 'signal'; pid: number; signal: number }
  )
