/** Which image a text means, in docker's order: a whole digest, a name, then the beginning of an id. Pure. */
import { Failure, isFailure } from '../../runtime/errors.ts'
import { hexOf, isDigest, type Digest } from '../digest.ts'
import type { Image } from '../image.ts'
import { formatReference, parseReference, type Reference } from '../reference.ts'

const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{3,64})$/

export const unknownImage = (text: string): Failure =>
  new Failure(`no such image: ${text}`, { id: 'image.unknown', try: `glasspod pull ${text}`, status: 404 })

/** Undefined for what is not a reference, as an id of 64 digits. */
export const referenceOf = (text: string): Reference | undefined => {
  try {
    return parseReference(text)
  } catch (error) {
    if (isFailure(error)) return undefined
    throw error
  }
}

const isRepositoryOf = ({ registry, repository }: Reference, name: string): boolean => {
  const other = referenceOf(name)
  return other?.registry === registry && other.repository === repository
}

/** Of its manifest, and of the indexes that it came out of. */
const digestsOf = ({ digest, entries, sources }: Image): readonly Digest[] => [digest, ...entries, ...sources]

/** `name@digest` also finds what was pulled by tag, when the registry gave that digest for it. */
const hasName = (image: Image, wanted: Reference): boolean =>
  image.names.includes(formatReference(wanted)) ||
  (wanted.digest !== undefined &&
    digestsOf(image).includes(wanted.digest) &&
    image.names.some((name) => isRepositoryOf(wanted, name)))

/** @throws Failure `image.unknown` 404, `image.ambiguous` 409. */
export const findImage = (images: readonly Image[], text: string): Image => {
  if (isDigest(text)) {
    const found = images.find((image) => [image.id, ...digestsOf(image)].includes(text))
    if (found !== undefined) return found
    throw unknownImage(text)
  }
  const reference = referenceOf(text)
  const named = reference === undefined ? undefined : images.find((image) => hasName(image, reference))
  if (named !== undefined) return named

  const [, prefix] = ID_PREFIX.exec(text) ?? []
  const begun = prefix === undefined ? [] : images.filter(({ id }) => hexOf(id).startsWith(prefix))
  const [first] = begun
  if (first === undefined) throw unknownImage(text)
  if (new Set(begun.map(({ id }) => id)).size === 1) return first
  throw new Failure(`image id ${text} is ambiguous`, {
    id: 'image.ambiguous',
    found: `${begun.length} images begin with it`,
    try: 'more digits of the id',
    status: 409,
  })
}
