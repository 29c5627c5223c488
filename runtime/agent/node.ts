/** What the agent knows of the node that it runs in: the holder's note, and facts of the kernel read once. */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { cpus, release } from 'node:os'
import type { HostFacts } from '../plan/container.ts'

export interface HolderNote {
  pid: number
  startTime: number
  /** The node's cgroup directory, or why there is none. */
  cgroup?: string | null
  cgroupReason?: string
  warnings?: string[]
  /** What unshare(1) was told of the id map. */
  idMap?: string[]
}

export interface Paths {
  root: string
  images: string
  layers: string
  containers: string
  pods: string
  networks: string
  discarded: string
  /** Sockets and processes; gone with the session. */
  run: string
  lib: string
}

export const pathsOf = (root: string): Paths => ({
  root,
  images: `${root}/images`,
  layers: `${root}/layers`,
  containers: `${root}/containers`,
  pods: `${root}/pods`,
  networks: `${root}/networks`,
  discarded: `${root}/discarded`,
  run: readlinkSync(`${root}/run`),
  lib: `${root}/lib/current`,
})

export interface Node {
  paths: Paths
  holder: HolderNote | undefined
  /** What unshare(1) was told of the id map. */
  idMap: readonly string[]
  /** Directory of all our cgroups; undefined where none is delegated. */
  cgroup: string | undefined
  host: HostFacts
  /** Processors of the machine. */
  cpus: number
  kernel: string
}

const readNumber = (path: string): number => Number(readFileSync(path, 'utf8').trim())

/** How many ids, from 0 up without a gap, this user namespace maps. */
export const parseIdMap = (text: string): number => {
  const ranges = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .sort(([a = 0], [b = 0]) => a - b)
  let mapped = 0
  for (const [inside = 0, , count = 0] of ranges) if (inside === mapped) mapped += count
  return mapped
}

export const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

export const readNode = (root: string): Node => {
  const paths = pathsOf(root)
  const note = `${paths.run}/holder.json`
  const holder = existsSync(note) ? (JSON.parse(readFileSync(note, 'utf8')) as HolderNote) : undefined
  return {
    paths,
    holder,
    idMap: holder?.idMap ?? ['--user', '--map-root-user', '--map-auto'],
    cgroup: holder?.cgroup ?? undefined,
    kernel: release(),
    cpus: cpus().length,
    host: {
      lastCap: readNumber('/proc/sys/kernel/cap_last_cap'),
      mappedIds: parseIdMap(readFileSync('/proc/self/uid_map', 'utf8')),
      isDirectory,
    },
  }
}
