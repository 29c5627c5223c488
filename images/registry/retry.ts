/** When to ask again, and after how long: what may pass by itself is tried more than once, with growing pauses. */
import { setTimeout as pause } from 'node:timers/promises'
import { isFailure } from '../../runtime/errors.ts'

export interface Patience {
  /** Tries beyond the first. */
  readonly retries: number
  /** Milliseconds before the second try; each further one waits twice as long. */
  readonly firstMs: number
  /** Milliseconds that no wait goes beyond, nor what a Retry-After may ask for. */
  readonly longestMs: number
}

export const DEFAULT_PATIENCE: Patience = { retries: 3, firstMs: 250, longestMs: 15_000 }

/** RFC 9110 section 10.2.3: seconds, or a date. In milliseconds; undefined when it cannot be read. */
export const parseRetryAfter = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * Milliseconds before try `attempt` (1 is the second), or undefined to give up. Half of a pause is chance, so that
 * many who were refused together do not come back together.
 */
export const planPause = (
  { retries, firstMs, longestMs }: Patience,
  attempt: number,
  { after, chance = Math.random() }: { after?: number | undefined; chance?: number } = {},
): number | undefined => {
  if (attempt > retries || (after !== undefined && after > longestMs)) return undefined
  const grown = Math.min(longestMs, firstMs * 2 ** (attempt - 1))
  return Math.max(after ?? 0, Math.round(grown / 2 + (grown / 2) * chance))
}

const PASSING = ['registry.interrupted', 'registry.timeout']

/** An end of the connection may be chance. Nobody listening, an unknown host, a refused certificate are not. */
export const mayPass = (error: unknown): boolean =>
  isFailure(error) && (PASSING.includes(error.facts.id ?? '') || error.facts.id === 'registry.reset')

/** 429 too: a registry that is asked too often says when to come back. */
export const isPassingStatus = (status: number): boolean => [408, 425, 429, 500, 502, 503, 504].includes(status)

export const waitFor = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  await pause(ms, undefined, { signal }).catch(() => undefined)
}
