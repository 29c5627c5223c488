/**
 * Who owns an entry. Ids of an image are ids inside the user namespace (user_namespaces(7)): below `idLimit`, the
 * number of ids in its map, they are taken as they are. Others are refused, or become 0 where that was asked for, or
 * where there is one id only; then they are counted.
 */
import { Failure } from '../../runtime/errors.ts'
import type { TarEntry } from './entry.ts'

export interface OwnerOptions {
  /** Ids 0 to idLimit - 1 are mapped; undefined is no limit. */
  readonly idLimit?: number | undefined
  readonly squash?: boolean | undefined
}

export class Owners {
  readonly #limit: number
  readonly #isSquashing: boolean
  /** Entries that lost their owner. */
  squashed = 0

  constructor({ idLimit = Infinity, squash = false }: OwnerOptions) {
    this.#limit = idLimit
    this.#isSquashing = squash || idLimit === 1
  }

  /** To be asked once for an entry. @throws Failure `image.owner`. */
  of({ uid, gid, shown }: TarEntry): readonly [uid: number, gid: number] {
    const highest = Math.max(uid, gid)
    if (highest < this.#limit) return [uid, gid]
    if (this.#isSquashing) {
      this.squashed++
      return [uid < this.#limit ? uid : 0, gid < this.#limit ? gid : 0]
    }
    throw new Failure(`layer entry ${shown} belongs to ${uid}:${gid}, which this user's id map does not have`, {
      id: 'image.owner',
      found: `the map has ids 0 to ${this.#limit - 1}`,
      try: `with --squash such files become root's; or give the user ${highest} or more subordinate ids in /etc/subuid and /etc/subgid, then glasspod system reset`,
    })
  }
}
