/**
 * A program that tells what it does: around each step, calls that read the clock, and one that writes a report to the
 * status descriptor. What it makes is the same; only these calls come in between.
 */
import { calls, type Call } from '../init/call.ts'
import { flags } from '../init/uapi.ts'
import { groupCalls, type CallGroup } from './groups.ts'
import { STATUS_FD, STATUS_FRAME } from './monitor.ts'

/** Second word of a report, whose first is the number of the group. An errno there is negative, after a pid comes 0. */
export const DONE = 1
/** Number, DONE, and two struct timespec: when it began, when it ended. */
export const DONE_FRAME = 3 * STATUS_FRAME

/** What is asked of the clock may be refused by the filter that was just loaded: then there is no time to tell. */
const call = calls('report', 'clock_gettime(2)')

const planClock = (group: number, frame: number): Call =>
  call('clock_gettime', [flags('CLOCK_MONOTONIC'), { at: `report.${group}`, offset: frame * STATUS_FRAME }], '', {
    tolerate: 'any',
  })

/** Who jumps to the first call of a group comes by its clock. */
const around = ({ calls: [first, ...rest] }: CallGroup, group: number): Call[] => {
  if (first === undefined) return []
  const { label, ...unlabelled } = first
  const frame = { words: [group, DONE, 0, 0, 0, 0], as: `report.${group}` }
  return [
    { ...planClock(group, 1), ...(label === undefined ? {} : { label }) },
    unlabelled,
    ...rest,
    planClock(group, 2),
    call('write', [STATUS_FD, frame, DONE_FRAME], '', { tolerate: 'any' }),
  ]
}

export const planReported = (list: readonly Call[]): Call[] =>
  groupCalls(list).flatMap((group, index) => (group.heard ? around(group, index) : group.calls))

export interface Done {
  group: number
  /** Microseconds. */
  micros: number
}

/** A report of DONE_FRAME bytes. */
export const parseDone = (frame: Buffer): Done => {
  const time = (offset: number) =>
    Number(frame.readBigInt64LE(offset)) * 1e6 + Number(frame.readBigInt64LE(offset + 8)) / 1e3
  return { group: Number(frame.readBigUInt64LE(0)), micros: time(2 * STATUS_FRAME) - time(STATUS_FRAME) }
}
