/**
 * What a cgroup remembers of its limits (cgroup-v2.rst): memory.events counts what happened in the directory and below
 * it, memory.events.local in the directory alone. `oom` counts where a limit was hit, `oom_kill` where the victim was: so
 * the two together tell whose limit killed whom.
 */
import { parseFlat, readNumber, readText } from './files.ts'

export interface MemoryEvents {
  /** How often the usage was about to go over memory.high, over memory.max, and could not be brought below. */
  high: number
  max: number
  oom: number
  /** Processes that the OOM killer ended, for whatever limit. */
  oomKill: number
}

export const parseMemoryEvents = (text: string): MemoryEvents => {
  const events = parseFlat(text)
  return {
    high: events['high'] ?? 0,
    max: events['max'] ?? 0,
    oom: events['oom'] ?? 0,
    oomKill: events['oom_kill'] ?? 0,
  }
}

/** Undefined where there is no memory controller. */
export const readMemoryEvents = (
  directory: string,
  file: 'memory.events' | 'memory.events.local' = 'memory.events',
): MemoryEvents | undefined => {
  const text = readText(`${directory}/${file}`)
  return text === undefined ? undefined : parseMemoryEvents(text)
}

/** How many processes pids.max has refused; undefined where there is no pids controller. */
export const readRefusedProcesses = (directory: string): number | undefined =>
  parseFlat(readText(`${directory}/pids.events`))['max']

/** OOM kills of the whole machine since it booted (proc_vmstat(5)): evidence where there is no memory controller. */
export const readMachineOomKills = (): number | undefined => parseFlat(readText('/proc/vmstat'))['oom_kill']

export interface LeafEvents {
  memory?: MemoryEvents
  /** Bytes. */
  memoryLimit?: number
  memoryPeak?: number
  pidsRefused?: number
  pidsLimit?: number
}

const given = <T extends object>(values: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T

/** All that the leaf of a container tells of its run; to be read before the leaf goes. */
export const readLeafEvents = (directory: string): LeafEvents =>
  given<LeafEvents>({
    memory: readMemoryEvents(directory),
    memoryLimit: readNumber(`${directory}/memory.max`),
    memoryPeak: readNumber(`${directory}/memory.peak`),
    pidsRefused: readRefusedProcesses(directory),
    pidsLimit: readNumber(`${directory}/pids.max`),
  })
