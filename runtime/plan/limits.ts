/** Limits of a config.json as files of a cgroup directory (cgroups(7), Documentation/admin-guide/cgroup-v2.rst). */
import type { BlockIoResources } from '../spec/block-io.ts'
import { CPU_PERIOD } from '../spec/cpus.ts'
import type { OciResources } from '../spec/oci.ts'

/** One write. A file may have several: io.max takes a device at a time. */
export interface LimitLine {
  file: string
  value: string
  controller: string
}

const MAX = 'max'
const SHARES_MAX = 262_144
const WEIGHT_MAX = 10_000

/**
 * Shares of version 1 (2 to 262144, 1024 is usual) as a weight of version 2 (1 to 10000, 100 is usual): the curve through
 * these three points that runc 1.4, crun 1.23 and Kubernetes have (opencontainers/runc pull request 4785). The straight
 * line that they had before made 39 of 1024, so that a container with the usual shares lost to one without any.
 */
export const weightOf = (shares: number): number => {
  if (shares <= 2) return 1
  if (shares >= SHARES_MAX) return WEIGHT_MAX
  const log = Math.log2(shares)
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
}

const RATES = [
  ['rbps', 'throttleReadBpsDevice'],
  ['wbps', 'throttleWriteBpsDevice'],
  ['riops', 'throttleReadIOPSDevice'],
  ['wiops', 'throttleWriteIOPSDevice'],
] as const satisfies readonly (readonly [string, keyof BlockIoResources])[]

/** A line of io.max a device, whole: a rate that is left out would keep the value it had. */
const planIoMax = (blockIO: BlockIoResources): LimitLine[] => {
  const all = RATES.flatMap(([, list]) => blockIO[list] ?? [])
  const devices = new Set(all.map(({ major, minor }) => `${major}:${minor}`))
  return [...devices].map((device) => {
    const rates = RATES.map(([key, list]) => {
      const throttle = blockIO[list]?.findLast(({ major, minor }) => `${major}:${minor}` === device)
      return `${key}=${throttle?.rate ?? MAX}`
    })
    return line('io.max', [device, ...rates].join(' '))
  })
}

const line = (file: string, value: string | number): LimitLine => ({
  file,
  value: `${value}`,
  controller: file.slice(0, file.indexOf('.')),
})

/** The files that a set of limits means, and the controller that each needs. What is named as a file counts last. */
export const planLimits = ({ memory, cpu, pids, blockIO, unified = {} }: OciResources): LimitLine[] => {
  const swap = memory?.limit === undefined ? undefined : memory.swap
  const typed = [
    ...(memory?.limit === undefined ? [] : [line('memory.max', memory.limit)]),
    // version 2 counts swap alone, Docker and the specification count it with the memory
    ...(swap === undefined ? [] : [line('memory.swap.max', swap < 0 ? MAX : Math.max(0, swap - (memory?.limit ?? 0)))]),
    ...(memory?.reservation === undefined ? [] : [line('memory.low', memory.reservation)]),
    ...(cpu?.quota === undefined && cpu?.period === undefined
      ? []
      : [line('cpu.max', `${cpu.quota ?? MAX} ${cpu.period ?? CPU_PERIOD}`)]),
    ...(cpu?.shares === undefined ? [] : [line('cpu.weight', weightOf(cpu.shares))]),
    ...(cpu?.cpus === undefined ? [] : [line('cpuset.cpus', cpu.cpus)]),
    ...(cpu?.mems === undefined ? [] : [line('cpuset.mems', cpu.mems)]),
    ...(pids === undefined ? [] : [line('pids.max', pids.limit)]),
    ...(blockIO === undefined ? [] : planIoMax(blockIO)),
  ]
  return [
    ...typed.filter(({ file }) => !Object.hasOwn(unified, file)),
    ...Object.entries(unified).map(([file, value]) => line(file, value)),
  ]
}

/** What a directory has that nothing was asked of. */
const UNSET: Record<string, string> = {
  'memory.low': '0',
  'cpu.max': `${MAX} ${CPU_PERIOD}`,
  'cpu.weight': '100',
  'cpuset.cpus': '',
  'cpuset.mems': '',
}

/** From one set of limits to another on a directory that is in use: only what differs, and what is lifted is unset. */
export const planChange = (before: OciResources, after: OciResources): LimitLine[] => {
  const had = planLimits(before)
  const wanted = planLimits(after)
  const key = ({ file, value }: LimitLine) => (file === 'io.max' ? `io.max ${value.split(' ')[0]}` : file)
  const unset = ({ file, value }: LimitLine) =>
    file === 'io.max' ? value.replace(/=\d+/g, `=${MAX}`) : (UNSET[file] ?? MAX)
  return [
    ...had
      .filter((old) => !wanted.some((line) => key(line) === key(old)))
      .map((old) => ({ ...old, value: unset(old) })),
    ...wanted.filter(({ file, value }) => !had.some((old) => old.file === file && old.value === value)),
  ]
}
