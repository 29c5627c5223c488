/** The flags that limit a container or a pod, named as in podman and docker, and Docker's HostConfig made of them. */
import { parseThrottle } from '../spec/block-io.ts'
import { parseCgroupConf } from '../spec/cgroup-conf.ts'
import { parseCpus, parsePidsLimit } from '../spec/cpus.ts'
import { type Limits, isAsked } from '../spec/limits.ts'
import { parseMemorySize, parseSwap } from '../spec/memory-size.ts'
import type { Values } from './options.ts'

export const RESTART_OPTION = {
  type: 'string',
  metavar: 'POLICY',
  about: 'start it again when it has ended: no, on-failure[:MAX], always, unless-stopped',
} as const

/** What a running container can be given too: `update` has these. */
export const UPDATE_OPTIONS = {
  'cpu-period': {
    type: 'integer',
    metavar: 'MICROSECONDS',
    about: 'in which --cpu-quota may be used (default 100000)',
  },
  'cpu-quota': { type: 'integer', metavar: 'MICROSECONDS', about: 'of processor time in each period; -1: no limit' },
  'cpu-shares': {
    type: 'integer',
    metavar: 'N',
    about: 'share of busy processors, 2 to 262144, against others; 1024 is usual',
  },
  cpus: { type: 'string', metavar: 'N', about: 'at most so many CPUs, as in 0.5' },
  'cpuset-cpus': { type: 'string', metavar: 'LIST', about: 'only on these CPUs, as in 0-2,4' },
  'cpuset-mems': { type: 'string', metavar: 'LIST', about: 'memory only of these nodes (NUMA)' },
  memory: { type: 'string', short: 'm', metavar: 'SIZE', about: 'at most so much memory, as in 64m' },
  'memory-reservation': {
    type: 'string',
    metavar: 'SIZE',
    about: 'so much is not taken from it while others have more',
  },
  'memory-swap': {
    type: 'string',
    metavar: 'SIZE',
    about: 'memory and swap together (default twice the memory; the same: no swap; -1: no limit)',
  },
  'pids-limit': { type: 'string', metavar: 'N', about: 'at most so many processes; -1: no limit' },
} as const

const device = (about: string) => ({ type: 'list', metavar: 'DEVICE:RATE', about }) as const

export const LIMIT_OPTIONS = {
  ...UPDATE_OPTIONS,
  'cgroup-conf': { type: 'list', metavar: 'FILE=VALUE', about: 'write a file of its cgroup, as in memory.high=64m' },
  'device-read-bps': device('bytes a second to read, as in /dev/vda:1mb'),
  'device-read-iops': device('reads a second'),
  'device-write-bps': device('bytes a second to write'),
  'device-write-iops': device('writes a second'),
} as const

type LimitValues = Values<typeof UPDATE_OPTIONS> & Partial<Values<typeof LIMIT_OPTIONS>>

const ifGiven = <T>(word: string | undefined, parse: (word: string) => T): T | undefined =>
  word === undefined ? undefined : parse(word)

/** Failures in Docker's words for what cannot be read; what this machine can do is for the agent to judge. */
export const makeLimits = (options: LimitValues): Limits => {
  const throttles = (words: readonly string[] = [], unit: 'bps' | 'iops') =>
    words.map((word) => parseThrottle(word, unit))
  const limits = {
    Memory: ifGiven(options.memory, parseMemorySize),
    MemorySwap: ifGiven(options['memory-swap'], parseSwap),
    MemoryReservation: ifGiven(options['memory-reservation'], parseMemorySize),
    NanoCpus: ifGiven(options.cpus, parseCpus),
    CpuPeriod: options['cpu-period'],
    CpuQuota: options['cpu-quota'],
    CpuShares: options['cpu-shares'],
    CpusetCpus: options['cpuset-cpus'],
    CpusetMems: options['cpuset-mems'],
    PidsLimit: ifGiven(options['pids-limit'], parsePidsLimit),
    BlkioDeviceReadBps: throttles(options['device-read-bps'], 'bps'),
    BlkioDeviceWriteBps: throttles(options['device-write-bps'], 'bps'),
    BlkioDeviceReadIOps: throttles(options['device-read-iops'], 'iops'),
    BlkioDeviceWriteIOps: throttles(options['device-write-iops'], 'iops'),
    CgroupConf: parseCgroupConf(options['cgroup-conf'] ?? []),
  }
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => isAsked(value)))
}
