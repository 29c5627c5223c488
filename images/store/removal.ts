/** What removing an image takes out of index.json, as docker's `rmi` does it. Pure. */
import { Failure } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Image } from '../image.ts'
import { referenceOf } from './find.ts'
import { nameOf } from './layout-index.ts'
import type { Descriptor } from '../manifest.ts'
import { formatReference } from '../reference.ts'

export interface Removal {
  /** Full names that are gone. */
  readonly untagged: readonly string[]
  /** Ids of the images that are gone with them. */
  readonly deleted: readonly Digest[]
}

interface Asked {
  readonly image: Image
  /** As the user typed it: a name asks for that name, an id or a digest for the whole image. */
  readonly text: string
  readonly force: boolean
}

/** @throws Failure `image.conflict`, status 409. */
export const planRemoval = (
  entries: readonly Descriptor[],
  { image, text, force }: Asked,
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
  const isGone = (entry: Descriptor): boolean => entry.digest === image.digest && (isAll || nameOf(entry) === name)
  return {
    entries: entries.filter((entry) => !isGone(entry)),
    untagged: entries.filter(isGone).flatMap((entry) => nameOf(entry) ?? []),
    deleted: isAll ? [image.id] : [],
  }
}
