/** What a cgroup has used (cgroup-v2.rst). A part is absent where its controller is: the rest is there all the same. */
import { parseFlat, parseWords, readNumber, readText } from './files.ts'

/** All times in microseconds. */
export interface CpuUsage {
  usage: number
  user: number
  system: number
  /** With the cpu controller: periods of cpu.max, those in which it was held back, and for how long. */
  periods?: number
  throttled?: number
  throttledTime?: number
}

export interface MemoryUsage {
  /** Bytes, page cache included. */
  current: number
  peak?: number | undefined
  /** Of memory.stat. */
  stat: Record<string, number>
}

/** Bytes and operations of a device. */
export interface IoUsage {
  major: number
  minor: number
  rbytes: number
  wbytes: number
  rios: number
  wios: number
}

export interface Usage {
  cpu: CpuUsage | undefined
  memory: MemoryUsage | undefined
  io: IoUsage[] | undefined
  /** Processes and threads; counted where there is no pids controller. */
  tasks: number
}

/** The text of cpu.stat, which is there without the controller too. */
export const parseCpuStat = (text: string): CpuUsage => {
  const stat = parseFlat(text)
  return {
    usage: stat['usage_usec'] ?? 0,
    user: stat['user_usec'] ?? 0,
    system: stat['system_usec'] ?? 0,
    ...(stat['nr_periods'] === undefined
      ? {}
      : {
          periods: stat['nr_periods'],
          throttled: stat['nr_throttled'] ?? 0,
          throttledTime: stat['throttled_usec'] ?? 0,
        }),
  }
}

/** The text of io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` a device. */
export const parseIoStat = (text: string): IoUsage[] =>
  text.split('\n').flatMap((line) => {
    const [, major, minor, rest = ''] = /^(\d+):(\d+) (.*)$/.exec(line.trim()) ?? []
    if (major === undefined) return []
    const values = new Map(rest.split(' ').map((pair) => pair.split('=') as [string, string]))
    const of = (key: string) => Number(values.get(key) ?? 0)
    return [
      {
        major: Number(major),
        minor: Number(minor),
        rbytes: of('rbytes'),
        wbytes: of('wbytes'),
        rios: of('rios'),
        wios: of('wios'),
      },
    ]
  })

const readMemory = (directory: string): MemoryUsage | undefined => {
  const current = readNumber(`${directory}/memory.current`)
  if (current === undefined) return undefined
  return {
    current,
    peak: readNumber(`${directory}/memory.peak`),
    stat: parseFlat(readText(`${directory}/memory.stat`)),
  }
}

export const readUsage = (directory: string): Usage => {
  const cpu = readText(`${directory}/cpu.stat`)
  const io = readText(`${directory}/io.stat`)
  return {
    cpu: cpu === undefined ? undefined : parseCpuStat(cpu),
    memory: readMemory(directory),
    io: io === undefined ? undefined : parseIoStat(io),
    tasks: readNumber(`${directory}/pids.current`) ?? parseWords(readText(`${directory}/cgroup.threads`)).length,
  }
}
