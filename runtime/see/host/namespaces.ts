/** The namespaces of any process of this machine (namespaces(7)): which they are, who is in them, and who owns them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { errnoOf, Failure, isFailure } from '../../errors.ts'
import { isAlive, readComm, readIdentity } from '../../kernel/processes.ts'
import { runProgram } from '../../rootless/run-program.ts'
import { readIdMaps, type IdMaps } from './id-map.ts'

/** Order of the lines; the directory may have more, for children to come. */
const KINDS = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time'] as const
/** A process that hides nothing from its own user answers at once; lsns(8) looks at all. */
const LSNS_MS = 10_000
const LSNS_TRIES = 5

export interface Member {
  pid: number
  name: string
}

export interface NamespaceFacts {
  kind: string
  inode: number
  /** Undefined: the kernel does not tell us, because it is above our own user namespace. */
  owner?: number
  /** Of user and pid namespaces, which are nested. */
  parent?: number
  /** The others in it, as far as we may look. */
  members: Member[]
  /** Not the namespace of who asks. */
  differs: boolean
}

export interface ProcessNamespaces {
  pid: number
  name: string
  command: string
  namespaces: NamespaceFacts[]
  maps: IdMaps
  /** User namespaces from its own up, as far as we may look. */
  ancestors: number[]
  /** Processes whose namespaces we may not read. */
  hidden: number
}

interface Row {
  ns: number
  type: string
  pns: number | null
  ons: number | null
}

/** The text of lsns(8) --json: 0 where the kernel tells nothing. */
export const parseLsns = (text: string): Map<number, { owner?: number; parent?: number }> => {
  const { namespaces } = JSON.parse(text === '' ? '{"namespaces":[]}' : text) as { namespaces: Row[] }
  return new Map(
    namespaces.map(({ ns, pns, ons }) => [
      Number(ns),
      { ...(Number(ons) > 0 ? { owner: Number(ons) } : {}), ...(Number(pns) > 0 ? { parent: Number(pns) } : {}) },
    ]),
  )
}

/** User namespaces from one up to where nothing more is told. */
export const listAncestors = (first: number, known: ReadonlyMap<number, { parent?: number }>): number[] => {
  const parent = known.get(first)?.parent
  return parent === undefined ? [first] : [first, ...listAncestors(parent, known)]
}

const readInode = (pid: number | 'self', kind: string): number | undefined => {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[1])
  } catch (error) {
    if (errnoOf(error) === 'EACCES') throw error
    return undefined
  }
}

const refuse = (pid: number, error: unknown): Failure =>
  ['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')
    ? new Failure(`there is no process ${pid}`, { id: 'namespaces.process', try: 'ps -e; glasspod ps' })
    : new Failure(`read /proc/${pid}/ns: ${errnoOf(error) ?? String(error)}`, {
        id: 'namespaces.permission',
        ...(process.getuid?.() === 0
          ? {
              why: 'of a process that has capabilities which root lacks here, as in a container, not even root is told',
              try: `grep CapEff /proc/${pid}/status /proc/self/status`,
            }
          : {
              why: 'the kernel shows the namespaces of a process to who could trace it: its own user, and root',
              try: `sudo glasspod inspect namespaces ${pid}`,
            }),
        see: 'namespaces(7), ptrace(2)',
      })

/** What waits for its parent (or its debugger) has left its namespaces, but for two that the kernel can tell still. */
const refuseZombie = (pid: number): Failure =>
  new Failure(`process ${pid} has ended`, {
    id: 'namespaces.process',
    why: 'it is a zombie: only its exit code is kept, until its parent asks for it, and it is in no namespace any more',
    try: `ps -o pid,ppid,stat,comm ${pid}`,
    see: 'wait(2)',
  })

/** lsns(8) gives up when a process ends while it is looked at (ESRCH): the next look does not meet that one. */
const readOwners = async (triesLeft = LSNS_TRIES): Promise<ReturnType<typeof parseLsns>> => {
  const lsns = ['lsns', '--json', '--output', 'NS,TYPE,PNS,ONS']
  const { code, printed } = await runProgram(lsns, process.env, { timeoutMs: LSNS_MS })
  return code === 0 || triesLeft <= 1 ? parseLsns(code === 0 ? printed : '') : readOwners(triesLeft - 1)
}

/** Every process by its namespaces; of those that we may not look into, only the number. */
const listMembers = (): { byInode: Map<number, Member[]>; hidden: number } => {
  const byInode = new Map<number, Member[]>()
  let hidden = 0
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  for (const pid of pids.sort((a, b) => a - b)) {
    const member = { pid, name: readComm(pid) ?? '' }
    try {
      for (const kind of KINDS) {
        const inode = readInode(member.pid, kind)
        if (inode !== undefined) byInode.set(inode, [...(byInode.get(inode) ?? []), member])
      }
    } catch {
      hidden += 1
    }
  }
  return { byInode, hidden }
}

/** @throws {Failure} `namespaces.process`: there is none; `namespaces.permission`: it is not ours to see */
export const readProcessNamespaces = async (pid: number): Promise<ProcessNamespaces> => {
  let maps: IdMaps
  let command: string
  try {
    readlinkSync(`/proc/${pid}/ns/user`)
    const identity = readIdentity(pid)
    if (identity !== undefined && !isAlive(identity)) throw refuseZombie(pid)
    maps = readIdMaps(pid)
    command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch (error) {
    throw isFailure(error) ? error : refuse(pid, error)
  }
  const known = await readOwners()
  const { byInode, hidden } = listMembers()
  const namespaces = KINDS.flatMap((kind) => {
    const inode = readInode(pid, kind)
    if (inode === undefined) return []
    const members = (byInode.get(inode) ?? []).filter((member) => member.pid !== pid)
    return [{ kind, inode, ...known.get(inode), members, differs: inode !== readInode('self', kind) }]
  })
  const user = namespaces.find(({ kind }) => kind === 'user')?.inode ?? 0
  return { pid, name: readComm(pid) ?? '', command, namespaces, maps, ancestors: listAncestors(user, known), hidden }
}
