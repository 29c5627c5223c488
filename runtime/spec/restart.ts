/** Restart policies, as Docker and Podman have them: what is asked for, when a run is followed by another, and how soon. */
import { Failure } from '../errors.ts'
import type { Fields } from './shape.ts'

/** HostConfig.RestartPolicy of the Docker Engine API. */
export interface RestartPolicy {
  /** Empty is `no`. */
  Name?: string
  /** Of `on-failure`; 0: as often as it fails. */
  MaximumRetryCount?: number
}

export const RESTART_SHAPE: Fields = { fields: { Name: 'text', MaximumRetryCount: 'number' } }

const POLICIES = ['no', 'on-failure', 'always', 'unless-stopped']

const refuse = (sentence: string, advice = `--restart ${POLICIES.join(', ')} or on-failure:5`): Failure =>
  new Failure(sentence, { id: 'container.restart-policy', try: advice, exitCode: 125, status: 400 })

export const asksForRestart = (policy: RestartPolicy | null | undefined): boolean =>
  !['', 'no'].includes(policy?.Name ?? '')

/** `no`, `on-failure[:MAX]`, `always`, `unless-stopped`. `autoRemove`: --rm is given too. */
export const parseRestart = (text: string, autoRemove = false): RestartPolicy => {
  const [Name = '', count, ...rest] = text.split(':')
  if (rest.length > 0 || (count !== undefined && !/^\d{1,9}$/.test(count)))
    throw refuse(
      `invalid restart policy '${text}': the maximum retry count must be an integer`,
      '--restart on-failure:5',
    )
  const policy = { Name, MaximumRetryCount: Number(count ?? 0) }
  checkRestart(policy, autoRemove)
  return policy
}

/** @throws {Failure} `container.restart-policy` */
export const checkRestart = (policy: RestartPolicy | null | undefined, autoRemove = false): void => {
  const { Name = '', MaximumRetryCount = 0 } = policy ?? {}
  if (Name !== '' && !POLICIES.includes(Name)) throw refuse(`invalid restart policy: unknown policy '${Name}'`)
  if (!Number.isInteger(MaximumRetryCount) || MaximumRetryCount < 0)
    throw refuse('invalid restart policy: maximum retry count cannot be negative')
  if (MaximumRetryCount > 0 && Name !== 'on-failure')
    throw refuse(`invalid restart policy: maximum retry count cannot be used with '${Name || 'no'}'`)
  if (autoRemove && asksForRestart(policy))
    throw refuse(
      'conflicting options: --restart and --rm',
      'one of the two: what removes itself cannot be started again',
    )
}

export interface EndedRun {
  /** Undefined: nobody knows, or it did not start. */
  exitCode: number | undefined
  /** How often it was started by its policy since somebody started it. */
  restarts: number
  /** A user has asked for its end. */
  wasAsked: boolean
}

/** Whether the run is followed by another. */
export const isFollowed = (policy: RestartPolicy | null | undefined, run: EndedRun): boolean => {
  const { Name = '', MaximumRetryCount = 0 } = policy ?? {}
  if (run.wasAsked || !asksForRestart(policy)) return false
  if (Name !== 'on-failure') return true
  return run.exitCode !== 0 && (MaximumRetryCount === 0 || run.restarts < MaximumRetryCount)
}

/** Docker's: twice as long each time, and from the beginning after a run of ten seconds. */
export const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 60_000
const GOOD_RUN_MS = 10_000

/** Before the next attempt, in milliseconds. `previousMs`: before the run that has ended; undefined for the first. */
export const nextDelay = (previousMs: number | undefined, ranMs: number): number =>
  previousMs === undefined || ranMs >= GOOD_RUN_MS ? FIRST_DELAY_MS : Math.min(previousMs * 2, LONGEST_DELAY_MS)
