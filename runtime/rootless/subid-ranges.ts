/** The files that say which ids a user may give away besides its own: subuid(5), subgid(5). */
export const SUBUID = '/etc/subuid'
export const SUBGID = '/etc/subgid'
/** Images use ids up to here: 65534 is `nobody`. */
export const COMMON_COUNT = 65536

export interface SubidRange {
  start: number
  count: number
}

/** A line `name or uid:first:count`; others are passed over, as unshare(1) does. */
export const parseAllSubids = (text: string): (SubidRange & { owner: string })[] =>
  text.split('\n').flatMap((line) => {
    const [, owner, start, count] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line) ?? []
    return owner === undefined ? [] : [{ owner, start: Number(start), count: Number(count) }]
  })

/** The ranges of one user, in the order of the file. */
export const parseSubids = (text: string, { user, uid }: { user: string; uid: number }): SubidRange[] =>
  parseAllSubids(text)
    .filter(({ owner }) => owner === user || owner === `${uid}`)
    .map(({ start, count }) => ({ start, count }))

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
