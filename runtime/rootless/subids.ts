/**
 * Which ids the user namespace has (subuid(5), newuidmap(1), unshare(1)): the caller is 0 in it, and 1 and up are the
 * first range that /etc/subuid and /etc/subgid give to the caller. Host 0 is never in it: an id map 0 -> 0 would make
 * /proc/sys of the host writable from inside.
 */
import { Failure } from '../errors.ts'
import { isExecutable } from '../kernel/executables.ts'
import type { Verdict } from '../see/doctor/probe.ts'
import { GIDS, NEWGIDMAP, NEWUIDMAP, readRanges, UIDS, type RangeFacts } from '../see/doctor/subids.ts'
import { SUBGID, SUBUID, type SubidRange } from './subid-ranges.ts'

const HELPERS = ['newuidmap', 'newgidmap'] as const
const PROBES = { newuidmap: NEWUIDMAP, newgidmap: NEWGIDMAP }

export interface SubidFacts {
  uid: number
  user: string
  subuids: readonly SubidRange[]
  subgids: readonly SubidRange[]
  /** Those of newuidmap and newgidmap that this machine does not have. */
  missingHelpers?: readonly (typeof HELPERS)[number][]
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
export const mapArguments = (given: SubidFacts): IdMap => {
  const { uid, user, subuids, subgids, missingHelpers = [], freeRange = '100000-165535' } = given
  if (uid === 0) throw new Error('host uid 0 must never be mapped: root becomes the system user first')
  const facts = { user, freeRange }
  const uidRange = UIDS.judge({ ...facts, file: SUBUID, ranges: subuids })
  const gidRange = GIDS.judge({ ...facts, file: SUBGID, ranges: subgids })
  for (const verdict of [uidRange, gidRange]) refuseHostZero(verdict)
  // unshare(1) takes the first of each file
  const [uids] = subuids
  const [gids] = subgids
  const single = ['--user', '--map-root-user']
  if (uids !== undefined && gids !== undefined && missingHelpers.length === 0) {
    return { arguments: [...single, '--map-auto'], mappedIds: Math.min(uids.count, gids.count), warning: undefined }
  }
  const verdicts = [
    uidRange,
    gidRange,
    ...missingHelpers.map((helper) => PROBES[helper].judge({ helper, path: undefined })),
  ].filter((verdict) => verdict.is === 'bad')
  const [first] = verdicts
  return {
    arguments: single,
    mappedIds: 1,
    warning:
      `${verdicts.map(({ found }) => found).join(', ')}: there is one id only, so files of an image that belong to ` +
      `others than root cannot be represented, and no process can become another user; ` +
      `try: ${first?.try ?? NEWUIDMAP.advice}`,
  }
}

const refuseHostZero = (verdict: Verdict): void => {
  if (verdict.is !== 'bad' || verdict.severity !== 'blocker') return
  throw new Failure(verdict.found, {
    id: 'rootless.subids',
    why: 'with host 0 in its id map a container could change the machine, for one through /proc/sys/kernel/core_pattern',
    try: verdict.try,
    see: 'subuid(5), user_namespaces(7)',
  })
}

export const readIdMap = (who: { uid: number; user: string }, path: string): IdMap => {
  const [uids, gids] = [SUBUID, SUBGID].map((file) => readRanges(who, file)) as [RangeFacts, RangeFacts]
  return mapArguments({
    ...who,
    subuids: uids.ranges,
    subgids: gids.ranges,
    missingHelpers: HELPERS.filter(
      (helper) => !path.split(':').some((directory) => isExecutable(`${directory}/${helper}`)),
    ),
    freeRange: uids.freeRange,
  })
}
