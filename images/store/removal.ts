/** What removing an image takes out of index.json, as docker's `rmi` does it. Pure. */
import { Failure } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Image } from '../image.ts'
import { referenceOf } from './find.ts'
import { nameOf, withoutName } from './layout-index.ts'
import type { Descriptor } from '../manifest.ts'
import { formatReference } from '../reference.ts'

export interface Removal {
  /** Full names that are gone. */
  readonly untagged: readonly string[]
  /** Ids of the images that are gone with them. */
  readonly deleted: readonly Digest[]
}

export interface Pruned extends Removal {
  /** Bytes of blobs. */
  readonly reclaimed: number
}

/** By the id of an image the name of a container that runs from it, or did. */
export type Users = ReadonlyMap<string, string>

interface Asked {
  readonly image: Image
  /** As the user typed it: a name asks for that name, an id or a digest for the whole image. */
  readonly text: string
  readonly force: boolean
  readonly users: Users
}

/**
 * With `force` a name goes also when a container runs from the image, which then stays without one; an id does not,
 * since there would be nothing left to remove.
 * @throws Failure `image.conflict`, `image.in-use`, status 409.
 */
export const planRemoval = (
  entries: readonly Descriptor[],
  { image, text, force, users }: Asked,
): Removal & { entries: readonly Descriptor[] } => {
  const reference = referenceOf(text)
  const name = image.names.find((known) => reference !== undefined && known === formatReference(reference))
  if (name === undefined && image.names.length > 1 && !force) {
    throw new Failure(`image ${text} has ${image.names.length} names`, {
      id: 'image.conflict',
      found: image.names.join(', '),
      try: 'remove it by name, or with --force',
      status: 409,
    })
  }
  const isAll = name === undefined || image.names.length === 1
  const user = users.get(image.id)
  if (isAll && user !== undefined && (name === undefined || !force)) throw inUse(text, user, name !== undefined)
  const isGone = (entry: Descriptor): boolean =>
    image.entries.includes(entry.digest) && (isAll || nameOf(entry) === name)
  const gone = entries.filter(isGone)
  const left = entries.filter((entry) => !isGone(entry))
  const [first] = gone
  return {
    entries: isAll && user !== undefined && first !== undefined ? [...left, withoutName(first)] : left,
    untagged: gone.flatMap((entry) => nameOf(entry) ?? []),
    deleted: isAll && user === undefined ? [image.id] : [],
  }
}

const inUse = (text: string, user: string, isName: boolean): Failure =>
  new Failure(`image ${text} is used by container ${user}`, {
    id: 'image.in-use',
    try: `glasspod rm ${user}${isName ? ', or with --force: the image then stays without a name' : ''}`,
    status: 409,
    exitCode: 125,
  })
