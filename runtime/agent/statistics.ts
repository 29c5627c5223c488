/** What a container uses, in the shape of the Docker Engine API's GET /containers/ID/stats (dockerode, `docker stats`). */
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { readNumber, readText } from '../kernel/cgroups/files.ts'
import { readUsage, type CpuUsage, type IoUsage, type Usage } from '../kernel/cgroups/usage.ts'
import { parseNetworkUse, type NetworkUse } from '../kernel/network-use.ts'
import type { Container } from './containers.ts'

const NS_PER_US = 1000
/** Nanoseconds a tick of /proc/stat: USER_HZ is 100 on every architecture that we have. */
const NS_PER_TICK = 1e7

/** The text of /proc/stat: all processors' time so far in nanoseconds, and how many there are. */
export const parseSystemCpu = (stat: string): { total: number; online: number } => {
  // user nice system idle iowait irq softirq steal; guest times are in user and nice already
  const ticks = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').slice(0, 8).map(Number) ?? []
  return {
    total: ticks.reduce((sum, tick) => sum + tick, 0) * NS_PER_TICK,
    online: stat.match(/^cpu\d+ /gm)?.length ?? 1,
  }
}

export interface Sample {
  at: string
  usage: Usage
  system: { total: number; online: number }
  /** Bytes that can be used: the smallest memory.max from the leaf up, or the machine's memory. */
  memoryLimit: number
  pidsLimit: number | undefined
  networks: Record<string, NetworkUse>
}

/** The leaf's, its pod's and the node's limit all hold. */
const readMemoryLimit = (leaf: string): number =>
  Math.min(
    totalmem(),
    ...[leaf, `${leaf}/..`, `${leaf}/../..`].map((directory) => readNumber(`${directory}/memory.max`) ?? Infinity),
  )

export const readSample = (leaf: string, pid: number): Sample => ({
  at: new Date().toISOString(),
  usage: readUsage(leaf),
  system: parseSystemCpu(readFileSync('/proc/stat', 'latin1')),
  memoryLimit: readMemoryLimit(leaf),
  pidsLimit: readNumber(`${leaf}/pids.max`),
  networks: parseNetworkUse(readText(`/proc/${pid}/net/dev`) ?? ''),
})

const describeCpu = (cpu: CpuUsage | undefined, system: Sample['system']) => ({
  cpu_usage: {
    total_usage: (cpu?.usage ?? 0) * NS_PER_US,
    usage_in_kernelmode: (cpu?.system ?? 0) * NS_PER_US,
    usage_in_usermode: (cpu?.user ?? 0) * NS_PER_US,
  },
  system_cpu_usage: system.total,
  online_cpus: system.online,
  throttling_data: {
    periods: cpu?.periods ?? 0,
    throttled_periods: cpu?.throttled ?? 0,
    throttled_time: (cpu?.throttledTime ?? 0) * NS_PER_US,
  },
})

const NO_CPU = { cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 } }

const describeIo = (io: IoUsage[] | undefined) => {
  const entries = (values: readonly (readonly ['read' | 'write', 'rbytes' | 'wbytes' | 'rios' | 'wios'])[]) =>
    io?.flatMap((device) =>
      values.map(([op, key]) => ({ major: device.major, minor: device.minor, op, value: device[key] })),
    ) ?? null
  return {
    io_service_bytes_recursive: entries([
      ['read', 'rbytes'],
      ['write', 'wbytes'],
    ]),
    io_serviced_recursive: entries([
      ['read', 'rios'],
      ['write', 'wios'],
    ]),
  }
}

const NEVER = '0001-01-01T00:00:00Z'

/** One answer; `before`: the sample that rates are counted from. A part that has no controller here is empty. */
export const describeStatistics = ({ record }: Container, now: Sample | undefined, before: Sample | undefined) => ({
  id: record.id,
  name: `/${record.name}`,
  read: now?.at ?? NEVER,
  preread: before?.at ?? NEVER,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: now === undefined ? NO_CPU : describeCpu(now.usage.cpu, now.system),
  precpu_stats: before === undefined ? NO_CPU : describeCpu(before.usage.cpu, before.system),
  memory_stats:
    now?.usage.memory === undefined
      ? {}
      : {
          usage: now.usage.memory.current,
          ...(now.usage.memory.peak === undefined ? {} : { max_usage: now.usage.memory.peak }),
          stats: now.usage.memory.stat,
          limit: now.memoryLimit,
        },
  pids_stats:
    now === undefined
      ? {}
      : { current: now.usage.tasks, ...(now.pidsLimit === undefined ? {} : { limit: now.pidsLimit }) },
  blkio_stats: describeIo(now?.usage.io),
  ...(now === undefined ? {} : { networks: now.networks }),
})
