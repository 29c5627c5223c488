/**
 * A program's calls as people follow them: the calls of one step together, each with the process that makes it. The same
 * groups are explained (see/explain.ts) and reported while the program runs (plan/report.ts), so their numbers agree.
 */
import type { Call } from '../init/call.ts'
import { FATAL } from '../init/program.ts'
import { STATUS_FD } from './monitor.ts'
import type { ManPage } from '../init/call.ts'

export interface CallGroup {
  id: string
  /** The first reason that one of its calls gives. */
  why: string
  man: ManPage
  see?: string
  /** Which process makes them: a clone(2) leads to another. */
  process: string
  /** Whether the agent still hears of them: not from a process that has closed the status descriptor. */
  heard: boolean
  calls: Call[]
}

/** Where a clone's child goes on, and what it then is. */
const CHILDREN: Record<string, string> = {
  inside: 'container',
  one: 'pause',
  'pump.stdout': 'log pump of stdout',
  'pump.stderr': 'log pump of stderr',
  'pump.stdin': 'terminal pump',
  'fuse.daemon': 'fuse-overlayfs',
  'fuse.parent': 'monitor',
  [FATAL]: 'whoever failed',
}

/** The processes that make something; the others only carry bytes, or tell of a failure. */
const MAKERS = new Set(['program', 'monitor', 'container', 'pause'])

const numberOf = (operand: Call['args'][number] | undefined): number | undefined =>
  typeof operand === 'number'
    ? operand
    : typeof operand === 'object' && 'value' in operand
      ? Number(operand.value)
      : NaN

/** close_range(2) over the status descriptor, at once and not only on exec. */
const closesStatus = ({ call, args: [first, last, flags] }: Call): boolean =>
  call === 'close_range' && (numberOf(first) ?? 0) <= STATUS_FD && (numberOf(last) ?? 0) >= STATUS_FD && flags === 0

export const groupCalls = (calls: readonly Call[]): CallGroup[] => {
  const groups: CallGroup[] = []
  let process = calls.some(({ label }) => label === 'inside') ? 'monitor' : 'program'
  let heard = true
  for (const call of calls) {
    const child = call.label === undefined ? undefined : CHILDREN[call.label]
    if (child !== undefined) {
      process = child
      heard = MAKERS.has(child)
    }
    if (closesStatus(call)) heard = false
    const last = groups.at(-1)
    if (last?.id === call.id && last.process === process && (call.why === '' || last.why === '')) {
      last.calls.push(call)
      last.heard &&= heard
      // The call with the reason is what the step is about; those before it prepare.
      if (last.why === '' && call.why !== '') Object.assign(last, { why: call.why, man: call.man })
      if (last.see === undefined && call.see !== undefined) last.see = call.see
    } else
      groups.push({
        id: call.id,
        why: call.why,
        man: call.man,
        ...(call.see === undefined ? {} : { see: call.see }),
        process,
        heard,
        calls: [call],
      })
  }
  return groups
}
