/**
 * A program that tells what it does: around each step, calls that read the clock, and one that writes a report to the
 * status descriptor. What it makes is the same; only these calls come in between.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'
import { groupCalls, type CallGroup } from './groups.ts'
import { STATUS_FD, STATUS_FRAME } from './monitor.ts'

/** Second word of a report, whose first is the number of the group. An errno there is negative, after a pid comes 0. */
export const DONE = 1
/** Number, DONE, and two struct timespec: when it began, when it ended. */
export const DONE_FRAME = 3 * STATUS_FRAME

/** Second word of a question, whose first is the number of the group: may it be made? The pid follows as text. */
export const BEFORE = 2
export const BEFORE_FRAME = 2 * STATUS_FRAME
/** Where the answer "no" leads to, and the end of who could give one. */
const LEFT = 'step.left'

/** What is asked of the clock may be refused by the filter that was just loaded: then there is no time to tell. */
const call = calls('report', 'clock_gettime(2)')

const planClock = (group: number, frame: number): Call =>
  call('clock_gettime', [flags('CLOCK_MONOTONIC'), { at: `report.${group}`, offset: frame * STATUS_FRAME }], '', {
    tolerate: 'any',
  })

/**
 * Asks, and waits for a byte. One process asks at a time: the monitor has closed its status when the container begins.
 * Who it is, it looks up at its begin, while /proc is still the host's, into a place of its own: readlink(2) ends nothing
 * with a zero, and in its parent's place a pid with fewer digits (they have wrapped around) would keep that one's last.
 */
const planQuestion = (group: number, process: string, begins: boolean): Call[] => {
  const pid = `step.pid.${process}`
  return [
    ...(begins
      ? [
          call('readlinkat', [AT_FDCWD, '/proc/self', { at: pid, size: STATUS_FRAME }, STATUS_FRAME], '', {
            tolerate: 'any' as const,
          }),
        ]
      : []),
    call(
      'writev',
      [STATUS_FD, { words: [{ words: [group, BEFORE] }, STATUS_FRAME, { at: pid }, STATUS_FRAME] }, 2],
      '',
      { tolerate: 'any' },
    ),
    call('read', [STATUS_FD, { at: 'step.go' }, 1], '', { tolerate: 'any', onZero: LEFT }),
  ]
}

/** Who jumps to the first call of a group comes by what is put before it. */
const around = ({ calls: [first, ...rest] }: CallGroup, group: number, question: Call[]): Call[] => {
  if (first === undefined) return []
  const { label, ...unlabelled } = first
  const frame = { words: [group, DONE, 0, 0, 0, 0], as: `report.${group}` }
  const [begin, ...before] = [...question, planClock(group, 1)]
  return [
    ...(begin === undefined ? [] : [{ ...begin, ...(label === undefined ? {} : { label }) }]),
    ...before,
    unlabelled,
    ...rest,
    planClock(group, 2),
    call('write', [STATUS_FD, frame, DONE_FRAME], '', { tolerate: 'any' }),
  ]
}

/** `stepped`: it asks before each group too, and ends where the answer is the end of the status. */
export const planReported = (list: readonly Call[], stepped = false): Call[] => {
  const groups = groupCalls(list)
  const reported = groups.flatMap((group, index) => {
    if (!group.heard) return group.calls
    const begins = group.process !== groups[index - 1]?.process
    return around(group, index, stepped ? planQuestion(index, group.process, begins) : [])
  })
  return stepped ? [...reported, call('exit_group', [125], '', { label: LEFT })] : reported
}

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

export interface Before {
  group: number
  /** Of the process that asks, as the host counts. */
  pid: number
}

/** A question of BEFORE_FRAME bytes. */
export const parseBefore = (frame: Buffer): Before => ({
  group: Number(frame.readBigUInt64LE(0)),
  pid: Number.parseInt(frame.toString('latin1', STATUS_FRAME, BEFORE_FRAME), 10),
})
