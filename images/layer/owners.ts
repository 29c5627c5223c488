/**
 * Who owns an entry. Ids of an image are ids inside the user namespace (user_namespaces(7)): below `idLimit`, the
 * number of ids in its map, they are taken as they are. With the single-id map all become 0, and are counted.
 */
import { Failure } from '../../runtime/errors.ts'
import type { TarEntry } from './entry.ts'

export interface Owners {
  /** How many entries lost their owner. */
  readonly squashed: number
  /** New files are 0:0 as they are made. */
  mustChange(entry: TarEntry): boolean
  of(entry: TarEntry): [uid: number, gid: number]
}

/** @param idLimit ids 0 to idLimit - 1 are mapped; undefined is no limit. */
export const createOwners = (idLimit: number | undefined): Owners => {
  const seen = new WeakSet<TarEntry>()
  const owners = {
    squashed: 0,
    of(entry: TarEntry): [number, number] {
      const { uid, gid, shown } = entry
      const highest = Math.max(uid, gid)
      if (idLimit === undefined || highest < idLimit) return [uid, gid]
      if (idLimit !== 1) {
        throw new Failure(`layer entry ${shown} belongs to ${uid}:${gid}, which this user's id map does not have`, {
          id: 'image.owner',
          found: `the map has ids 0 to ${idLimit - 1}`,
          try: `give the user ${highest} or more subordinate ids in /etc/subuid and /etc/subgid, then glasspod system reset`,
        })
      }
      if (!seen.has(entry)) owners.squashed++
      seen.add(entry)
      return [0, 0]
    },
    mustChange(entry: TarEntry): boolean {
      const [uid, gid] = owners.of(entry)
      return uid !== 0 || gid !== 0
    },
  }
  return owners
}
