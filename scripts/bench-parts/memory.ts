/**
 * What a running container costs beside its own processes: PSS of smaps_rollup (proc(5)), which divides every page by
 * the number of processes that have it mapped.
 */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** One agent for all; the uplink and what holds namespaces open are shared too; the rest is each container's own. */
export type Share = 'agent' | 'uplink' | 'holder' | 'container'
/** kB. */
export type Usage = Record<Share, number>

export interface Process {
  pid: number
  argv: readonly string[]
  /** The file that it executes: argv may name it relative to a directory. */
  exe: string
}

const UPLINK = /(^|\/)(slirp4netns|pasta(\.avx2)?|net-holder|aardvark-dns)$/

/** Neither the payload nor a stranger: whose command line and file name none of the directories of one contestant. */
export const classify = ({ argv, exe }: Process, home: string, run: string): Share | undefined => {
  const [program = ''] = argv
  // rootless podman's one process that keeps its namespaces; it names no directory, but it is the only one here
  if (program === 'catatonit' && argv[1] === '-P') return 'holder'
  if (![...argv, exe].some((word) => word.includes(`${home}/`) || word.includes(`${run}/`))) return undefined
  if (UPLINK.test(program)) return 'uplink'
  // what starts programs for the agent ends with it
  if (argv.some((word) => word.endsWith('/agent.cjs')) || program === './spawner') return 'agent'
  if (/\/\.?holder[^/]*$/.test(program)) return 'holder'
  return 'container'
}

const listProcesses = (): Process[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1)
        return [{ pid: Number(name), argv, exe: readlinkSync(`/proc/${name}/exe`) }]
      } catch {
        return []
      }
    })

/** @returns kB. */
export const parsePss = (smapsRollup: string): number => {
  const found = /^Pss:\s+(\d+) kB$/m.exec(smapsRollup)?.[1]
  if (found === undefined) throw new Error('smaps_rollup has no line Pss')
  return Number(found)
}

const readPss = (pid: number): number => parsePss(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))

/** Of everything that runs now for the contestant of that name below `work`. */
export const readUsage = (work: string, name: string): Usage => {
  const usage: Usage = { agent: 0, uplink: 0, holder: 0, container: 0 }
  for (const found of listProcesses()) {
    if (name !== 'podman' && found.argv[0] === 'catatonit') continue
    const share = classify(found, join(work, name), join(work, `run-${name}`))
    if (share !== undefined) usage[share] += readPss(found.pid)
  }
  return usage
}
