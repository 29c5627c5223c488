/**
 * `--cpus` and `--pids-limit`, to `linux.resources.cpu` and `.pids` of config.json (runtime-spec config-linux.md#cpu,
 * #pids); the cgroup files behind them are cpu.max and pids.max (cgroups(7)).
 */
import { Failure } from '../errors.ts'

/** Microseconds; the kernel's and Docker's default. */
export const CPU_PERIOD = 100_000

/** `linux.resources.cpu`: quota microseconds of processor time in each period. */
export interface CpuResources {
  quota: number
  period: number
}

const invalid = (id: string, sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id, try: advice, exitCode: 125, status: 400 })

/** Docker keeps billionths of a processor, so nine decimals. */
const DECIMAL = /^(?:\d{1,9}(?:\.\d*)?|\.\d+)$/

/**
 * `--cpus 1.5` is a quota of 150000 in 100000 microseconds. `available`: the processors of this machine. 0 is no limit:
 * undefined. Failure `cpus.value` or `cpus.range`, exit 125, in Docker's words.
 */
export const parseCpus = (word: string, available: number): CpuResources | undefined => {
  if (!DECIMAL.test(word)) throw invalid('cpus.value', `invalid number of CPUs: '${word}'`, 'a number like 0.5 or 2')
  if ((word.split('.')[1] ?? '').replace(/0+$/, '').length > 9)
    throw invalid('cpus.value', `invalid number of CPUs: '${word}': value is too precise`, 'at most nine decimals')
  const cpus = Number(word)
  if (cpus === 0) return undefined
  if (cpus < 0.01 || cpus > available)
    throw invalid(
      'cpus.range',
      `range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
    )
  return { quota: Math.floor(Math.round(cpus * 1e9) / (1e9 / CPU_PERIOD)), period: CPU_PERIOD }
}

/** `linux.resources.pids`: how many processes and threads at once. */
export interface PidsResources {
  limit: number
}

/**
 * `--pids-limit 100`. 0 and -1 are no limit, as in Docker and Podman: undefined. Failure `pids.limit`, exit 125.
 * The kernel counts no further than 4194304 (PID_MAX_LIMIT, linux/threads.h).
 */
export const parsePidsLimit = (word: string): PidsResources | undefined => {
  if (word === '-1' || word === '0') return undefined
  const limit = /^\d{1,7}$/.test(word) ? Number(word) : 0
  if (limit >= 1 && limit <= 4_194_304) return { limit }
  throw invalid('pids.limit', `invalid pids limit: '${word}'`, 'a number from 1 to 4194304, or -1 for no limit')
}
