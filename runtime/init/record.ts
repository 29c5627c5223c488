/**
 * How a call lies in memory, for the runner to walk: twelve 64-bit words. Both runners (x86_64.ts, aarch64.ts) and the
 * compiler (program.ts) read the offsets from here.
 */
export const RECORD_SIZE = 96
export const OFFSET = {
  /** System call number; -1 makes no call and counts as 0. */
  number: 0,
  /** Six arguments. */
  args: 8,
  /** Bit n: argument n is the address of a 32-bit number, load it first. */
  loads: 56,
  /** Address where the result goes, or 0. */
  result: 64,
  /** Bit e: errno e is tolerated; all ones: every error is. */
  tolerate: 72,
  /** Record to go on with after a tolerated error, or 0 for the next. */
  onError: 80,
  /** Record to go on with after a result of 0, or 0 for the next. */
  onZero: 88,
} as const

/** Addresses that the runner carries in its code. */
export interface RunnerAddresses {
  /** First record. */
  first: number
  /** Two words: where the runner notes the failing record's address and the negative errno. */
  failure: number
  /** Record to go on with after an error that is not tolerated. */
  fatal: number
}

/** To learn how long the code is, which does not depend on them. */
export const NOWHERE: RunnerAddresses = { first: 0, failure: 0, fatal: 0 }
