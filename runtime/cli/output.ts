/**
 * Writing to standard output and standard error, by write(2) itself: process.stdout costs 2 ms to make, and
 * writes to pipes and terminals are synchronous in it as well.
 */
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { errnoOf } from '../errors.ts'

export const STDOUT = 1
export const STDERR = 2
/** As many as a terminal has where it does not know its size. */
const COLUMNS = 80
const RETRY_MS = 2

/** By the signal that a terminal's end sends: at an exit Node would set the modes of what is gone, and abort. */
const endAsHungUp = (): void => {
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

/** The whole of the data, or the end of this process: a reader that went away (EPIPE) is not an error to report. */
export const write = (fd: typeof STDOUT | typeof STDERR, data: string | Uint8Array): void => {
  let rest: Uint8Array = typeof data === 'string' ? Buffer.from(data) : data
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (errnoOf(error) === 'EPIPE') process.exit(0)
      // The terminal has hung up (an ssh that is gone), and there is nobody to tell that: it would fail in the same way.
      if (errnoOf(error) === 'EIO' && fd === STDERR) endAsHungUp()
      // another process has made the pipe non-blocking, and its reader is slow
      if (errnoOf(error) !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}

/** How wide the terminal is; undefined where it is none: what goes to a program has room. */
export const readColumns = (fd: typeof STDOUT | typeof STDERR): number | undefined =>
  isatty(fd) ? (fd === STDOUT ? process.stdout : process.stderr).columns || COLUMNS : undefined

/** Of prose: what a line must have, and what the eye still finds its way back on. */
const NARROW = 40
const WIDE = 100

/** For prose, as man(1) has it: COLUMNS, or what the terminal has, up to what is easily read; 80 where nothing says. */
export const readWidth = (fd: typeof STDOUT | typeof STDERR): number => {
  const asked = /^\d{1,4}$/.exec(process.env['COLUMNS'] ?? '')?.[0]
  const columns = Number(asked ?? 0) || (readColumns(fd) ?? COLUMNS)
  return Math.min(Math.max(columns, NARROW), WIDE)
}

export const print = (line: string): void => write(STDOUT, `${line}\n`)
export const printError = (line: string): void => write(STDERR, `${line}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))
