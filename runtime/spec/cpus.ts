/**
 * Processors and processes: `--cpus`, `--cpu-shares`, `--pids-limit` and what they are called in Docker's HostConfig, to
 * `linux.resources.cpu` and `.pids` of config.json (runtime-spec config-linux.md#cpu, #pids); the cgroup files behind
 * them are cpu.max, cpu.weight and pids.max (cgroups(7)).
 */
import { Failure } from '../errors.ts'
import type { Limits } from './limits.ts'

/** Microseconds; the kernel's and Docker's default. */
export const CPU_PERIOD = 100_000

/** `linux.resources.cpu`: quota microseconds of processor time in each period; cpus and mems as in cpuset(7). */
export interface CpuResources {
  shares?: number
  quota?: number
  period?: number
  cpus?: string
  mems?: string
}

const invalid = (id: string, sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id, try: advice, exitCode: 125, status: 400 })

const DECIMAL = /^(?:\d{1,9}(?:\.\d*)?|\.\d+)$/

/** `--cpus 1.5` in billionths of a processor, as Docker counts. Failure `cpus.value`, exit 125, in Docker's words. */
export const parseCpus = (word: string): number => {
  if (!DECIMAL.test(word)) throw invalid('cpus.value', `invalid number of CPUs: '${word}'`, 'a number like 0.5 or 2')
  if ((word.split('.')[1] ?? '').replace(/0+$/, '').length > 9)
    throw invalid('cpus.value', `invalid number of CPUs: '${word}': value is too precise`, 'at most nine decimals')
  return Math.round(Number(word) * 1e9)
}

/** A whole number within bounds, or Docker's sentence. */
const within = (value: number, least: number, most: number, refusal: Failure): number => {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw refusal
}

const planNanoCpus = (nano: number, available: number): CpuResources => {
  const least = 1e9 / 100
  const range = `range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`
  within(nano, least, available * 1e9, invalid('cpus.range', range))
  return { quota: Math.floor(nano / (1e9 / CPU_PERIOD)), period: CPU_PERIOD }
}

/**
 * Time on processors; `available`: those of this machine. Docker's rules (moby daemon/daemon_unix.go): 0 is no limit, a
 * period is of 1 ms to 1 s, a quota at least 1 ms, and --cpus says both already. Failure `cpus.*`, exit 125.
 */
export const planCpu = (limits: Limits, available: number): CpuResources => {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = limits
  if (NanoCpus !== 0 && (CpuPeriod !== 0 || CpuQuota > 0))
    throw invalid(
      'cpus.conflict',
      `conflicting options: NanoCPUs and CPU ${CpuPeriod === 0 ? 'Quota' : 'Period'} cannot both be set`,
      '--cpus says both: it is the quota divided by the period',
    )
  const period = invalid(
    'cpus.period',
    'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  )
  const quota = invalid('cpus.quota', 'CPU cfs quota can not be less than 1ms (i.e. 1000)')
  const shares = invalid('cpus.shares', `invalid CPU shares ${CpuShares}`, 'a number from 2 to 262144; 1024 is usual')
  return {
    ...(CpuShares === 0 ? {} : { shares: within(CpuShares, 1, Number.MAX_SAFE_INTEGER, shares) }),
    ...(CpuQuota === 0 || CpuQuota === -1 ? {} : { quota: within(CpuQuota, 1000, Number.MAX_SAFE_INTEGER, quota) }),
    ...(CpuPeriod === 0 ? {} : { period: within(CpuPeriod, 1000, 1_000_000, period) }),
    ...(NanoCpus === 0 ? {} : planNanoCpus(NanoCpus, available)),
  }
}

/** `linux.resources.pids`: how many processes and threads at once. */
export interface PidsResources {
  limit: number
}

/** The kernel counts no further (PID_MAX_LIMIT, linux/threads.h). */
const PID_MAX = 4_194_304

const invalidPids = (word: string) =>
  invalid('pids.limit', `invalid pids limit: '${word}'`, `a number from 1 to ${PID_MAX}, or -1 for no limit`)

/** `--pids-limit 100`; 0 and -1 are no limit, as in Docker and Podman. Failure `pids.limit`, exit 125. */
export const parsePidsLimit = (word: string): number => {
  if (word === '-1') return -1
  if (!/^\d{1,7}$/.test(word) || Number(word) > PID_MAX) throw invalidPids(word)
  return Number(word)
}

/** Undefined: no limit. */
export const planPids = ({ PidsLimit }: Limits): PidsResources | undefined => {
  if (PidsLimit === undefined || PidsLimit === null || PidsLimit === 0 || PidsLimit === -1) return undefined
  return { limit: within(PidsLimit, 1, PID_MAX, invalidPids(`${PidsLimit}`)) }
}
