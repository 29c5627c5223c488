/** Time from spawn to exit of commands, and what is said of a series of such times. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

export type Argv = readonly string[]

/** A program with its environment; everything it starts is measured with it. */
export interface Contestant {
  name: string
  env: Record<string, string>
  /** Where its error messages go, to be shown if it fails. */
  errors: string
}

/** What one contestant does in one row: `timed` is measured from the first spawn to the last exit. */
export interface Job {
  contestant: Contestant
  timed: readonly Argv[]
  /** Taken back after each run, unmeasured. */
  undo?: readonly Argv[]
}

/** Milliseconds. */
export interface Summary {
  median: number
  min: number
  max: number
  n: number
}

export class CommandFailure extends Error {}

/** What a command leaves running behind its exit (podman's clean-up) shall not fall into the next one's time. */
const SETTLE_MS = 60
/** What hangs is ended and is a failure. */
const LIMIT_MS = 60_000

const median = (sorted: readonly number[]): number => {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

export const summarize = (times: readonly number[]): Summary => {
  const sorted = [...times].sort((a, b) => a - b)
  return { median: median(sorted), min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, n: sorted.length }
}

/** To its end, output thrown away. */
export const execute = async ({ env, errors }: Contestant, [file = '', ...args]: Argv): Promise<void> => {
  const fd = openSync(errors, 'w')
  try {
    const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', fd], timeout: LIMIT_MS, killSignal: 'SIGKILL' })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (code === 0) return
    const said = readFileSync(errors, 'utf8').trim()
    throw new CommandFailure(`${file} ${args.join(' ')}: ended by ${signal ?? `exit code ${code}`}: ${said}`)
  } finally {
    closeSync(fd)
  }
}

const executeAll = async (contestant: Contestant, commands: readonly Argv[]): Promise<void> => {
  for (const argv of commands) await execute(contestant, argv)
}

const timeOnce = async ({ contestant, timed, undo = [] }: Job): Promise<number> => {
  await pause(SETTLE_MS)
  const began = process.hrtime.bigint()
  await executeAll(contestant, timed)
  const ms = Number(process.hrtime.bigint() - began) / 1e6
  await executeAll(contestant, undo)
  return ms
}

/**
 * A B A B: whatever else the machine does meets all of them alike. Who fails in the warm-up is left out, and why is
 * told; a failure later is an error of the whole.
 */
export const interleave = async (
  jobs: readonly Job[],
  { rounds, warmups }: { rounds: number; warmups: number },
  tell: (sentence: string) => void,
): Promise<Map<string, Summary>> => {
  const running = new Map(jobs.map((job) => [job.contestant.name, job]))
  for (let round = 0; round < warmups; round++) {
    for (const [name, job] of running) {
      try {
        await timeOnce(job)
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error
        running.delete(name)
        tell(`${name} is left out: ${error.message}`)
      }
    }
  }
  const times = new Map([...running.keys()].map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of running) times.get(name)?.push(await timeOnce(job))
  }
  return new Map([...times].map(([name, series]) => [name, summarize(series)]))
}
