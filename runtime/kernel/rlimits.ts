/**
 * Resource limits per process, getrlimit(2): a soft limit that holds, a hard one up to which it may be raised.
 * A container inherits the limits of who starts it, except those that `--ulimit` names: raising a hard limit takes
 * CAP_SYS_RESOURCE in the host's user namespace, so a default of our own would fail for ordinary users.
 */
import { Failure } from '../errors.ts'

/** Numbers of include/uapi/asm-generic/resource.h; x86_64 and aarch64 use them unchanged. */
export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const

export type RlimitName = keyof typeof RLIMITS

/** No limit: all 64 bits set (linux/resource.h). A number cannot hold it. */
export const RLIM_INFINITY = (1n << 64n) - 1n

/** An entry of config.json's `process.rlimits` (runtime-spec config.md#posix-process). Units are those of getrlimit(2). */
export interface Rlimit {
  type: RlimitName
  /** A bigint only where a number could not hold it: RLIM_INFINITY. */
  soft: number | bigint
  hard: number | bigint
}

/** What is set when nothing is asked for: nothing, the limits are inherited. */
export const DEFAULT_RLIMITS: readonly Rlimit[] = []

const invalid = (sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id: 'rlimits.value', try: advice, see: 'getrlimit(2)', exitCode: 125, status: 400 })

const shortName = (name: string): string => name.replace('RLIMIT_', '').toLowerCase()

const isRlimit = (name: string): name is RlimitName => Object.hasOwn(RLIMITS, name)

/** A limit of 64 bits; -1 and `unlimited` are none (Docker, Podman). */
const parseLimit = (text: string, word: string): number | bigint => {
  if (text === '-1' || text === 'unlimited') return RLIM_INFINITY
  const value = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined
  if (value === undefined || value > RLIM_INFINITY)
    throw invalid(`invalid ulimit argument: ${word}`, 'limits are numbers, or -1 for none: --ulimit nofile=1024:4096')
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/**
 * One `--ulimit name=soft[:hard]`, as docker/go-units reads it: the name is RLIMIT_* in lower case without its prefix,
 * hard is as soft when it is missing. Failure `rlimits.value`, exit 125, in Docker's words.
 */
export const parseUlimit = (word: string): Rlimit => {
  const [name = '', limits, ...rest] = word.split('=')
  if (limits === undefined || rest.length > 0)
    throw invalid(`invalid ulimit argument: ${word}`, 'write name=soft[:hard], for example --ulimit nofile=1024:4096')
  const type = `RLIMIT_${name.toUpperCase()}`
  if (!isRlimit(type))
    throw invalid(`invalid ulimit type: ${name}`, `known are ${Object.keys(RLIMITS).map(shortName).sort().join(', ')}`)
  const [softText = '', hardText, ...more] = limits.split(':')
  if (more.length > 0)
    throw invalid(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``)
  const soft = parseLimit(softText, word)
  const hard = hardText === undefined ? soft : parseLimit(hardText, word)
  if (soft > hard)
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${showLimit(soft)} > ${showLimit(hard)}`)
  return { type, soft, hard }
}

/** All `--ulimit` words; of two for the same limit the later counts, as in Docker. */
export const planRlimits = (words: readonly string[]): Rlimit[] => [
  ...new Map([...DEFAULT_RLIMITS, ...words.map(parseUlimit)].map((limit) => [limit.type, limit])).values(),
]

const showLimit = (value: number | bigint): string => (value === RLIM_INFINITY ? 'unlimited' : String(value))
