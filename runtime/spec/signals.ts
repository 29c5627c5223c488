/**
 * Signals by name and number, signal(7). x86_64 and aarch64 number them alike (include/uapi/asm-generic/signal.h). The
 * real-time ones are counted from 34 as glibc, Docker and Podman do: 32 and 33 belong to the libc's threads.
 */
import { Failure } from '../errors.ts'

/** In the order of their numbers, from 1. */
const NAMES = [
  ...['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGKILL', 'SIGUSR1'],
  ...['SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP'],
  ...['SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR'],
  'SIGSYS',
] as const

export type SignalName = (typeof NAMES)[number]

const ALIASES: Readonly<Record<string, SignalName>> = {
  SIGIOT: 'SIGABRT',
  SIGCLD: 'SIGCHLD',
  SIGPOLL: 'SIGIO',
  SIGUNUSED: 'SIGSYS',
}

const RTMIN = 34
const RTMAX = 64

const NUMBERS: Readonly<Record<string, number | undefined>> = {
  ...Object.fromEntries(NAMES.map((name, index) => [name, index + 1])),
  ...Object.fromEntries(Object.entries(ALIASES).map(([alias, name]) => [alias, NAMES.indexOf(name) + 1])),
  SIGRTMIN: RTMIN,
  SIGRTMAX: RTMAX,
}

/** The number of a signal whose name is known when the program is written. */
export const signalNumber = (name: SignalName): number => NAMES.indexOf(name) + 1

/** SIGTERM for 15, SIGRTMIN+1 for 35; a number without a name (32, 33) is shown as SIG32. */
export const signalName = (number: number): string => {
  const name = NAMES[number - 1]
  if (name !== undefined) return name
  if (number === RTMIN) return 'SIGRTMIN'
  if (number === RTMAX) return 'SIGRTMAX'
  return number > RTMIN && number < RTMAX ? `SIGRTMIN+${number - RTMIN}` : `SIG${number}`
}

const realTime = (name: string): number | undefined => {
  const match = /^SIGRT(MIN\+|MAX-)(\d{1,2})$/.exec(name)
  if (match === null) return undefined
  const number = match[1] === 'MIN+' ? RTMIN + Number(match[2]) : RTMAX - Number(match[2])
  return number >= RTMIN && number <= RTMAX ? number : undefined
}

/**
 * The number of SIGTERM, TERM, term, 15, RTMIN+1 or SIGRTMAX-2 (`--stop-signal`, `kill -s`, an image's STOPSIGNAL).
 * 0 is no signal. Failure `signal.unknown`, exit 125, in Docker's words.
 */
export const parseSignal = (word: string): number => {
  const upper = word.trim().toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const number = /^\d{1,2}$/.test(upper) ? Number(upper) : Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : realTime(name)
  if (number !== undefined && number >= 1 && number <= RTMAX) return number
  throw new Failure(`invalid signal: ${word}`, {
    id: 'signal.unknown',
    try: 'a name like SIGTERM or TERM, a number from 1 to 64, or RTMIN+1',
    see: 'signal(7)',
    exitCode: 125,
    status: 400,
  })
}
