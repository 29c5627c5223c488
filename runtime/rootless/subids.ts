/**
 * Which ids the user namespace has (subuid(5), newuidmap(1), unshare(1)): the caller is 0 in it, and 1 and up are the
 * first range that /etc/subuid and /etc/subgid give to the caller. Host 0 is never in it: an id map 0 -> 0 would make
 * /proc/sys of the host writable from inside.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { Failure } from '../errors.ts'

const SUBUID = '/etc/subuid'
const SUBGID = '/etc/subgid'
const HELPERS = ['newuidmap', 'newgidmap'] as const
/** Images use ids up to here: 65534 is `nobody`. */
const COMMON_COUNT = 65536

export interface SubidRange {
  start: number
  count: number
}

/** Lines are `name or uid:first:count`; others are passed over, as unshare(1) does. */
export const parseSubids = (text: string, { user, uid }: { user: string; uid: number }): SubidRange[] =>
  text.split('\n').flatMap((line) => {
    const [, owner, start, count] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line) ?? []
    return owner === user || owner === `${uid}` ? [{ start: Number(start), count: Number(count) }] : []
  })

/** A free range for one more user: behind all that are given, and not below where distributions begin. */
export const formatFreeRange = (...texts: string[]): string => {
  const ends = texts
    .flatMap((text) => text.split('\n'))
    .map((line) => line.split(':').slice(1).map(Number))
    .map(([start = 0, count = 0]) => start + count)
    .filter((end) => Number.isSafeInteger(end))
  const first = Math.max(100_000, ...ends)
  return `${first}-${first + COMMON_COUNT - 1}`
}

export interface SubidFacts {
  uid: number
  user: string
  subuids: readonly SubidRange[]
  subgids: readonly SubidRange[]
  /** Those of newuidmap and newgidmap that this machine does not have. */
  missingHelpers?: readonly string[]
  /** A range that nobody has, for the remedy. */
  freeRange?: string
}

export interface IdMap {
  /** Of unshare(1). */
  arguments: string[]
  /** Ids 0 to mappedIds - 1 exist inside: unshare(1) gives the caller 0, and as many in all as the range has. */
  mappedIds: number
  /** What will not work, and the remedy. */
  warning: string | undefined
}

/** @throws {Failure} `rootless.subids` when a range would put host 0 inside */
export const mapArguments = (facts: SubidFacts): IdMap => {
  const { uid, user, subuids, subgids, missingHelpers = [], freeRange = '100000-165535' } = facts
  if (uid === 0) throw new Error('host uid 0 must never be mapped: root becomes the system user first')
  // unshare(1) takes the first of each file
  const [uids] = subuids
  const [gids] = subgids
  for (const [file, range] of [
    [SUBUID, uids],
    [SUBGID, gids],
  ] as const)
    if (range?.start === 0) throw refuseRoot(file, user)
  const single = ['--user', '--map-root-user']
  if (uids !== undefined && gids !== undefined && missingHelpers.length === 0) {
    return { arguments: [...single, '--map-auto'], mappedIds: Math.min(uids.count, gids.count), warning: undefined }
  }
  const silent = [...(uids === undefined ? [SUBUID] : []), ...(gids === undefined ? [SUBGID] : [])]
  const [found, remedy] =
    silent.length > 0
      ? [
          `no range for ${user} in ${silent.join(' and ')}`,
          `usermod --add-subuids ${freeRange} --add-subgids ${freeRange} ${user} (as root), then glasspod system reset`,
        ]
      : [`no ${missingHelpers.join(' and no ')} on this machine`, 'apt-get install uidmap (as root)']
  return {
    arguments: single,
    mappedIds: 1,
    warning:
      `${found}: there is one id only, so files of an image that belong to others than root cannot be represented, ` +
      `and no process can become another user; try: ${remedy}`,
  }
}

const refuseRoot = (file: string, user: string): Failure =>
  new Failure(`${file} gives host id 0 to ${user}`, {
    id: 'rootless.subids',
    why: 'with host 0 in its id map a container could change the machine, for one through /proc/sys/kernel/core_pattern',
    try: `correct the line of ${user} in ${file}`,
    see: 'subuid(5), user_namespaces(7)',
  })

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const isInPath = (program: string, path: string): boolean =>
  path.split(':').some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

export const readIdMap = (who: { uid: number; user: string }, path: string): IdMap => {
  const [subuid, subgid] = [read(SUBUID), read(SUBGID)]
  return mapArguments({
    ...who,
    subuids: parseSubids(subuid, who),
    subgids: parseSubids(subgid, who),
    missingHelpers: HELPERS.filter((helper) => !isInPath(helper, path)),
    freeRange: formatFreeRange(subuid, subgid),
  })
}
