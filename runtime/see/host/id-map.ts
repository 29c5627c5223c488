/** Which host id an id of a user namespace is, and the other way round (user_namespaces(7)): /proc/PID/uid_map, gid_map. */
import { readFileSync } from 'node:fs'
import { readLivingHolder } from '../../rootless/holder-note.ts'
import { readRuntimeDirectory } from '../../rootless/root-directory.ts'
import { parseSubids, SUBGID, SUBUID, type SubidRange } from '../../rootless/subid-ranges.ts'

/** `count` ids from `inside` on are those from `outside` on. */
export interface IdRange {
  inside: number
  outside: number
  count: number
}

export interface IdMaps {
  users: IdRange[]
  groups: IdRange[]
}

/** Three numbers a line; of a process of another user namespace the outside is that of the reader. */
export const parseIdRanges = (text: string): IdRange[] =>
  text.split('\n').flatMap((line) => {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number)
    return inside === undefined || outside === undefined || count === undefined ? [] : [{ inside, outside, count }]
  })

const translate = (id: number, from: 'inside' | 'outside', to: 'inside' | 'outside', ranges: readonly IdRange[]) => {
  const range = ranges.find((candidate) => id >= candidate[from] && id < candidate[from] + candidate.count)
  return range === undefined ? undefined : id - range[from] + range[to]
}

/** Undefined: no file and no process of the host can have it. */
export const toHost = (id: number, ranges: readonly IdRange[]): number | undefined =>
  translate(id, 'inside', 'outside', ranges)

/** Undefined: inside it is shown as 65534, nobody. */
export const toContainer = (id: number, ranges: readonly IdRange[]): number | undefined =>
  translate(id, 'outside', 'inside', ranges)

export const readIdMaps = (pid: number): IdMaps => ({
  users: parseIdRanges(readFileSync(`/proc/${pid}/uid_map`, 'utf8')),
  groups: parseIdRanges(readFileSync(`/proc/${pid}/gid_map`, 'utf8')),
})

/** As unshare(1) with --map-root-user --map-auto maps: the caller is 0, the range follows; without one, the caller only. */
export const planIdRanges = (own: number, range: SubidRange | undefined): IdRange[] => [
  { inside: 0, outside: own, count: 1 },
  ...(range === undefined ? [] : [{ inside: 1, outside: range.start, count: range.count - 1 }]),
]

export interface Who {
  uid: number
  gid: number
  user: string
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Of the node that runs, else as it would be if it started now. */
export const readNodeMaps = (root: string, { uid, gid, user }: Who): IdMaps & { running: boolean } => {
  const runtimeDirectory = readRuntimeDirectory(root, uid)
  const holder = runtimeDirectory === undefined ? undefined : readLivingHolder(runtimeDirectory)
  if (holder !== undefined) return { ...readIdMaps(holder.pid), running: true }
  const [users, groups] = [SUBUID, SUBGID].map((file) => parseSubids(read(file), { user, uid })[0])
  // unshare(1) maps a range for users and groups, or for neither
  const both = users !== undefined && groups !== undefined
  return {
    users: planIdRanges(uid, both ? users : undefined),
    groups: planIdRanges(gid, both ? groups : undefined),
    running: false,
  }
}
