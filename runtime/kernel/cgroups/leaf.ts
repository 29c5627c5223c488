/**
 * One cgroup directory a pod, a leaf a container (cgroups(7)): made by mkdir, filled before the container's first
 * account, ended by cgroup.kill, removed by rmdir. Names of files are the kernel's.
 */
import { readdirSync, rmdirSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import { parseFlat, parseWords, readText, writeText } from './files.ts'
import { PRESSURES, readPressures } from './pressure.ts'

const PROCS = 'cgroup.procs'
const KILL = 'cgroup.kill'

export const readMembers = (directory: string): number[] => parseWords(readText(`${directory}/${PROCS}`)).map(Number)

/** The directory is gone, or goes just now: systemd removes that of a scope as soon as nobody is in it. */
const isGone = (error: unknown): boolean => ['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')

/** Ends every process of the directory and below at once; false where the kernel has no cgroup.kill (before 5.14). */
export const killAll = (directory: string): boolean => {
  try {
    writeText(`${directory}/${KILL}`, '1')
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** None where it is gone: a container may end while the tree is read. */
const subdirectories = (directory: string): string[] => {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Removes the directory and what is below it; cgroupfs takes rmdir only. Busy for a moment after its last process. */
export const removeTree = (directory: string): boolean => {
  for (const name of subdirectories(directory)) removeTree(`${directory}/${name}`)
  try {
    rmdirSync(directory)
    return true
  } catch (error) {
    return isGone(error)
  }
}

export interface CgroupNode {
  path: string
  name: string
  processes: number[]
  /** Facts as the kernel's files name them; only those that are there. */
  facts: Record<string, string>
  children: CgroupNode[]
}

const FACTS = [
  ...['memory.current', 'memory.peak', 'memory.max', 'memory.high', 'memory.low'],
  ...['memory.swap.current', 'memory.swap.max', 'cpu.max', 'cpu.weight', 'cpuset.cpus', 'cpuset.mems'],
  ...['pids.current', 'pids.max', 'io.max', 'cgroup.freeze'],
] as const

/** Lines of files with a key a line, shown as `FILE KEY`. */
const KEYED = [
  ['cpu.stat', 'usage_usec'],
  ['cpu.stat', 'nr_throttled'],
  ['memory.events', 'oom_kill'],
  ['pids.events', 'max'],
] as const

/** What the kernel says where nothing is limited. */
const isUnlimited = (value: string): boolean => value === '' || /^max\b/.test(value)

const readFacts = (directory: string): Record<string, string> => {
  const facts: Record<string, string> = {}
  for (const file of FACTS) {
    const value = readText(`${directory}/${file}`)
    if (value !== undefined && !isUnlimited(value)) facts[file] = value
  }
  for (const [file, key] of KEYED) {
    const value = parseFlat(readText(`${directory}/${file}`))[key]
    if (value !== undefined) facts[`${file} ${key}`] = `${value}`
  }
  const pressures = readPressures(directory)
  for (const kind of PRESSURES) {
    const avg10 = pressures[kind]?.some?.avg10
    if (avg10 !== undefined) facts[`${kind}.pressure some avg10`] = `${avg10}`
  }
  return facts
}

/** The tree below a directory as the kernel has it now. */
export const readTree = (directory: string): CgroupNode => ({
  path: directory,
  name: directory.split('/').at(-1) ?? directory,
  processes: readMembers(directory),
  facts: readFacts(directory),
  children: subdirectories(directory).map((name) => readTree(`${directory}/${name}`)),
})
