/** From an archive into the store: staged whole, then each image taken as from any other source. */
import { Failure } from '../../runtime/errors.ts'
import type { Store } from '../store/store.ts'
import { takeImage, type Taken, type TakeOptions } from '../take-image.ts'
import { openArchive, type ArchivedImage, type ArchiveForm, type OpenedArchive } from './open.ts'
import { badArchive, StagedFiles } from './stage.ts'

export interface LoadOptions extends TakeOptions {
  /** Only this form will do; by default each. */
  readonly archive?: ArchiveForm
  /** Only the image that the archive has under this reference; by default all of them. */
  readonly reference?: string
}

export interface Loaded extends Taken {
  readonly names: readonly string[]
}

const select = ({ form, images }: OpenedArchive, options: LoadOptions): readonly ArchivedImage[] => {
  if (options.archive !== undefined && form !== options.archive)
    throw badArchive(`it is of the form ${form}`, `${options.archive} was asked for`)
  const { reference } = options
  if (images.length === 0) throw badArchive('no image is in it')
  if (reference === undefined) return images
  const found = images.filter(({ references, names }) => references.includes(reference) || names.includes(reference))
  if (found.length > 0) return found
  const all = images.flatMap(({ references }) => references)
  throw new Failure(`the archive has no image ${reference}`, {
    id: 'image.unknown',
    found: all.length === 0 ? 'its images have no names' : all.join(', '),
    status: 404,
  })
}

/** @throws Failure `image.archive`, `image.unknown`, and those of takeImage. */
export const loadImages = async (
  store: Store,
  chunks: AsyncIterable<Uint8Array>,
  options: LoadOptions,
): Promise<readonly Loaded[]> => {
  const files = await StagedFiles.read(store.directory, chunks)
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
