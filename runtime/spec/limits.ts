/**
 * What a container or a pod may use, in the words of the Docker Engine API (HostConfig, and the body of update), as far
 * as it is enforced here. Numbers and lists: the texts of the command line are parsed before (spec/cpus.ts and others).
 */
import type { Shape } from './shape.ts'

export interface Limits {
  /** Bytes; 0 is no limit. */
  Memory?: number
  /** Memory and swap together, bytes; 0: twice the memory, -1: no limit. */
  MemorySwap?: number
  MemoryReservation?: number
  /** Billionths of a processor. */
  NanoCpus?: number
  /** Microseconds. */
  CpuPeriod?: number
  CpuQuota?: number
  /** 2 to 262144, as version 1 of cgroups counted; 1024 is everybody's. */
  CpuShares?: number
  /** As in cpuset(7): 0-2,4. */
  CpusetCpus?: string
  CpusetMems?: string
  /** 0 and -1 are no limit. */
  PidsLimit?: number | null
  BlkioDeviceReadBps?: ThrottledDevice[] | null
  BlkioDeviceWriteBps?: ThrottledDevice[] | null
  BlkioDeviceReadIOps?: ThrottledDevice[] | null
  BlkioDeviceWriteIOps?: ThrottledDevice[] | null
  /** Podman's: files of the cgroup directory as the kernel names them, {"memory.high": "64m"}. */
  CgroupConf?: Record<string, string> | null
}

export interface ThrottledDevice {
  /** A block device of the host: /dev/vda. */
  Path: string
  /** Bytes or operations a second. */
  Rate: number
}

const THROTTLED: Shape = { list: { fields: { Path: 'text', Rate: 'number' } } }

/** Their form, as a client sends them. */
export const LIMIT_FIELDS: Readonly<Record<keyof Limits, Shape>> = {
  ...{ Memory: 'number', MemorySwap: 'number', MemoryReservation: 'number', NanoCpus: 'number', CpuPeriod: 'number' },
  ...{ CpuQuota: 'number', CpuShares: 'number', CpusetCpus: 'text', CpusetMems: 'text', PidsLimit: 'number' },
  ...{ BlkioDeviceReadBps: THROTTLED, BlkioDeviceWriteBps: THROTTLED },
  ...{ BlkioDeviceReadIOps: THROTTLED, BlkioDeviceWriteIOps: THROTTLED },
  CgroupConf: { each: 'text' },
}

const WEIGHING = /^(?:cpu\.(?:weight|idle)|memory\.(?:low|min)|io\.(?:bfq\.)?weight)\b/

/** Files that do not bound, but weigh against the neighbours in the same directory. */
export const isWeight = (file: string): boolean => WEIGHING.test(file)

/** Of a container's limits those that count among neighbours: for a container alone in its pod they are its pod's too. */
export const pickWeights = ({ CpuShares, MemoryReservation, CgroupConf }: Limits): Limits =>
  pickLimits({
    ...(CpuShares === undefined ? {} : { CpuShares }),
    ...(MemoryReservation === undefined ? {} : { MemoryReservation }),
    CgroupConf: Object.fromEntries(Object.entries(CgroupConf ?? {}).filter(([file]) => isWeight(file))),
  })

/** Zero, empty and absent all mean: not asked for (clients of the Docker API send every key). */
export const isAsked = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : typeof value === 'object' && value !== null
      ? Object.keys(value).length > 0
      : Boolean(value)

/** Only what is asked for. */
export const pickLimits = (from: Limits): Limits =>
  Object.fromEntries(
    Object.keys(LIMIT_FIELDS).flatMap((key) =>
      isAsked(from[key as keyof Limits]) ? [[key, from[key as keyof Limits]]] : [],
    ),
  )
