/**
 * One cgroup directory a pod, a leaf a container (cgroups(7)): made by mkdir, filled before the container's first
 * account, ended by cgroup.kill, removed by rmdir. Names of files are the kernel's.
 */
import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { errnoOf, Failure } from '../../errors.ts'
import { planLimits } from '../../plan/limits.ts'
import type { OciResources } from '../../spec/oci.ts'

const CONTROLLERS = 'cgroup.controllers'
const PROCS = 'cgroup.procs'
const KILL = 'cgroup.kill'

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')

/** Which hierarchy has the controller: version 1 takes it from version 2 for the whole machine (/proc/self/cgroup). */
const findHolder = (controller: string): string => {
  const line = (read('/proc/1/cgroup') ?? '')
    .split('\n')
    .find((row) => row.split(':')[1]?.split(',').includes(controller))
  return line === undefined
    ? `the ${controller} controller is not delegated to this user`
    : `the ${controller} controller is bound to cgroup v1 on this machine`
}

/** A limit is enforced or refused, never dropped. `directory`: the cgroup that would hold the leaf, or none. */
export const checkLimits = (directory: string | undefined, resources: OciResources): void => {
  const available = directory === undefined ? [] : readControllers(directory)
  const missing = planLimits(resources).find(({ controller }) => !available.includes(controller))
  if (missing === undefined) return
  throw new Failure(`${missing.file} = ${missing.value} cannot be enforced here`, {
    id: `cgroups.${missing.controller}`,
    why: `a limit needs the ${missing.controller} controller of cgroup v2 in a directory of ours`,
    found: directory === undefined ? 'no cgroup directory is delegated to this user' : findHolder(missing.controller),
    try: 'run without the limit; or in a session of systemd with Delegate=yes',
    see: 'cgroups(7), systemd.resource-control(5)',
    exitCode: 125,
  })
}

/** The controllers that a directory may hand down to what is below it. */
export const readControllers = (directory: string): string[] => words(read(`${directory}/${CONTROLLERS}`))

export const readMembers = (directory: string): number[] => words(read(`${directory}/${PROCS}`)).map(Number)

/** Ends every process of the directory and below at once; false where the kernel has no cgroup.kill (before 5.14). */
export const killAll = (directory: string): boolean => {
  if (!existsSync(`${directory}/${KILL}`)) return false
  writeFileSync(`${directory}/${KILL}`, '1')
  return true
}

/** Removes the directory and what is below it; cgroupfs takes rmdir only. Busy for a moment after its last process. */
export const removeTree = (directory: string): boolean => {
  if (!existsSync(directory)) return true
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`)
  try {
    rmdirSync(directory)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    return false
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

const FACTS = ['memory.current', 'memory.max', 'pids.current', 'pids.max', 'cpu.max', 'cgroup.freeze'] as const

const readFacts = (directory: string): Record<string, string> => {
  const facts: Record<string, string> = {}
  for (const file of FACTS) {
    const value = read(`${directory}/${file}`)
    if (value !== undefined && value !== 'max') facts[file] = value
  }
  const usage = /^usage_usec (\d+)$/m.exec(read(`${directory}/cpu.stat`) ?? '')?.[1]
  if (usage !== undefined) facts['cpu.stat usage_usec'] = usage
  return facts
}

/** None where it is gone: a container may end while the tree is read. */
const subdirectories = (directory: string): string[] => {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** The tree below a directory as the kernel has it now. */
export const readTree = (directory: string): CgroupNode => ({
  path: directory,
  name: directory.split('/').at(-1) ?? directory,
  processes: readMembers(directory),
  facts: readFacts(directory),
  children: subdirectories(directory).map((name) => readTree(`${directory}/${name}`)),
})
