/**
 * index.json and oci-layout, the two files that make a directory an OCI image layout (image-spec image-layout.md):
 * one descriptor for each name, the name in the annotation that the specification has for it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../runtime/errors.ts'
import { writeAtomic } from './atomic-file.ts'
import type { Digest } from '../digest.ts'
import { arrayField, parseDocument } from '../document.ts'
import { toDescriptor, type Descriptor } from '../manifest.ts'
import { OCI_INDEX } from '../media-types.ts'
import { formatReference } from '../reference.ts'
import { referenceOf } from './find.ts'

/** Holds the full name, `docker.io/library/busybox:latest`. */
export const NAME_ANNOTATION = 'org.opencontainers.image.ref.name'
/** Ours: the digest that the registry gave for the name, of an index when the image came out of one. */
export const SOURCE_ANNOTATION = 'io.glasspod.source.digest'

const INDEX_FILE = 'index.json'
const LAYOUT_FILE = 'oci-layout'
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}\n'

/** The full name. Other tools put images in by short ones; what is no reference at all is no name here. */
export const nameOf = ({ annotations }: Descriptor): string | undefined => {
  const reference = referenceOf(annotations?.[NAME_ANNOTATION] ?? '')
  return reference === undefined ? undefined : formatReference(reference)
}

export const withName = (descriptor: Descriptor, name: string): Descriptor => ({
  ...descriptor,
  annotations: { ...descriptor.annotations, [NAME_ANNOTATION]: name },
})

export const withSource = (descriptor: Descriptor, source: Digest): Descriptor => ({
  ...descriptor,
  annotations: { ...descriptor.annotations, [SOURCE_ANNOTATION]: source },
})

export const withoutName = ({ annotations, ...descriptor }: Descriptor): Descriptor => {
  const { [NAME_ANNOTATION]: _name, ...others } = annotations ?? {}
  return { ...descriptor, ...(Object.keys(others).length > 0 && { annotations: others }) }
}

/** @throws Failure `image.document` when the file was damaged. */
export const readLayoutIndex = async (directory: string): Promise<readonly Descriptor[]> => {
  let bytes: Buffer
  try {
    bytes = await readFile(join(directory, INDEX_FILE))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
  const what = join(directory, INDEX_FILE)
  return arrayField(parseDocument(bytes, what), 'manifests').map((item, at) =>
    toDescriptor(item, `entry ${at} of ${what}`),
  )
}

export const writeLayoutIndex = async (directory: string, manifests: readonly Descriptor[]): Promise<void> => {
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
  await writeAtomic(join(directory, INDEX_FILE), `${JSON.stringify(index, undefined, 2)}\n`)
}

/** Makes an empty directory a layout; leaves one that is alone. */
export const ensureLayout = async (directory: string): Promise<void> => {
  const found = await readFile(join(directory, LAYOUT_FILE), 'utf8').catch(() => undefined)
  if (found === undefined) {
    await writeLayoutIndex(directory, await readLayoutIndex(directory))
    await writeAtomic(join(directory, LAYOUT_FILE), LAYOUT)
  }
}
