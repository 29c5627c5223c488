/** From an archive into the store: staged whole, then each image taken as from any other source. */
import { Failure } from '../../runtime/errors.ts'
import { formatReference, parseReference } from '../reference.ts'
import type { Store } from '../store/store.ts'
import { atOnce, takeImage, type Taken, type TakeOptions } from '../take-image.ts'
import { openArchive, type ArchivedImage, type ArchiveForm, type OpenedArchive } from './open.ts'
import { badArchive, StagedFiles } from './stage.ts'

export interface LoadOptions extends TakeOptions {
  /** Only this form will do; by default each. */
  readonly archive?: ArchiveForm
  /** Only the image that the archive has under this reference, `@2` for the third one; by default all of them. */
  readonly reference?: string
  /** Of several one must be named. */
  readonly single?: boolean
}

export interface Loaded extends Taken {
  readonly names: readonly string[]
}

/** A docker-archive has full names. */
const isCalled = ({ references, names }: ArchivedImage, reference: string): boolean => {
  if (references.includes(reference) || names.includes(reference)) return true
  try {
    return names.includes(formatReference(parseReference(reference)))
  } catch {
    // what a layout calls an image need be no reference
    return false
  }
}

const listNames = (images: readonly ArchivedImage[]): string => {
  const names = images.flatMap(({ references }) => references)
  return names.length === 0 ? `${images.length} without names: @0 to @${images.length - 1}` : names.join(', ')
}

const select = ({ forms, images }: OpenedArchive, options: LoadOptions): readonly ArchivedImage[] => {
  const { archive, reference, single = false } = options
  if (archive !== undefined && !forms.includes(archive))
    throw badArchive(`it is of the form ${forms.join(' and ')}`, `${archive} was asked for`)
  if (images.length === 0) throw badArchive('no image is in it')
  if (reference === undefined && single && images.length > 1)
    throw new Failure('several images are there, and none is named', {
      id: 'image.archive',
      found: listNames(images),
      try: 'one of these names behind a colon, or @0 for the first',
      status: 400,
    })
  if (reference === undefined) return images
  const [, place] = /^@(\d+)$/.exec(reference) ?? []
  const found =
    place === undefined
      ? images.filter((image) => isCalled(image, reference))
      : images.slice(Number(place), Number(place) + 1)
  if (found.length > 0) return found
  throw new Failure(`the archive has no image ${reference}`, {
    id: 'image.unknown',
    found: listNames(images),
    status: 404,
  })
}

/** @throws Failure `image.archive`, `image.unknown`, and those of takeImage. */
export const loadImages = async (
  store: Store,
  chunks: AsyncIterable<Uint8Array>,
  options: LoadOptions,
): Promise<readonly Loaded[]> => {
  const { around = atOnce } = options
  const files = await around({ part: 'archive' }, () => StagedFiles.read(store.directory, chunks))
  try {
    const loaded: Loaded[] = []
    for (const { source, names } of select(await openArchive(files), options))
      loaded.push({ ...(await takeImage(store, source, { names, options })), names })
    return loaded
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new Failure('the load was cancelled', { id: 'image.cancelled' })
  } finally {
    await files.remove()
  }
}
