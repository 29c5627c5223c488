/** Which form an archive has, and the images in it, each as a source with the names that the archive gives it. */
import { Failure } from '../../runtime/errors.ts'
import { algorithmOf, digestOf, hexOf, type Digest } from '../digest.ts'
import { arrayField, optionalStrings, parseDocument, stringField, toDocument } from '../document.ts'
import { MANIFEST_LIMIT, toDescriptor, type Descriptor } from '../manifest.ts'
import { formatReference, hasRegistry, parseReference } from '../reference.ts'
import type { ImageSource } from '../source.ts'
import { NAME_ANNOTATION } from '../store/layout-index.ts'
import { openDockerImage } from './docker.ts'
import { badArchive, STAGED, type StagedFiles } from './stage.ts'

export type ArchiveForm = 'docker-archive' | 'oci-archive' | 'dir'

export const FORMS: readonly ArchiveForm[] = ['docker-archive', 'oci-archive', 'dir']

/** Undefined for nothing. @throws Failure `image.archive`. */
export const parseForm = (text: string): ArchiveForm | undefined => {
  const form = FORMS.find((known) => known === text)
  if (form !== undefined || text === '') return form
  throw new Failure(`there is no form ${text} of an archive`, {
    id: 'image.archive',
    try: FORMS.join(', '),
    status: 400,
  })
}

export interface ArchivedImage {
  readonly source: ImageSource
  /** As the archive has it: `latest`, a full name. */
  readonly references: readonly string[]
  /** Full names to give it here. */
  readonly names: readonly string[]
}

export interface OpenedArchive {
  /** More than one only of what docker 25 and newer save. */
  readonly forms: readonly ArchiveForm[]
  readonly images: readonly ArchivedImage[]
}

/** containerd's and docker's own, which has the full name where ref.name is the tag alone. */
const CONTAINERD_NAME = 'io.containerd.image.name'

/** A name without a registry is of this machine, as podman has it for layouts. */
const localName = (text: string): string =>
  formatReference(parseReference(hasRegistry(text) ? text : `localhost/${text}`))

/** Blobs by digest, whatever their files are called. */
const makeSource = (
  files: StagedFiles,
  { what, top, pathOf }: { what: string; top: Descriptor | 'manifest.json'; pathOf: (digest: Digest) => string },
): ImageSource => {
  const readManifest = async (path: string, contentType: string) => {
    const bytes = await files.read(path, MANIFEST_LIMIT)
    return { bytes, digest: digestOf(bytes), contentType }
  }
  return {
    what,
    where: (blob) => `${STAGED}/${blob === undefined ? (top === 'manifest.json' ? top : 'index.json') : pathOf(blob)}`,
    fetchManifest: async (descriptor) => {
      if (descriptor === undefined && top === 'manifest.json') return readManifest(top, '')
      const wanted = descriptor ?? (top as Descriptor)
      const { bytes, contentType } = await readManifest(pathOf(wanted.digest), wanted.mediaType)
      const digest = digestOf(bytes, algorithmOf(wanted.digest))
      if (digest !== wanted.digest)
        throw badArchive(`${pathOf(wanted.digest)} has the digest ${digest}`, 'a file of it was damaged')
      return { bytes, digest, contentType }
    },
    fetchBlob: (descriptor) => Promise.resolve(files.open(pathOf(descriptor.digest))),
  }
}

/** Of builders that sign or describe what they made; nothing to run. */
const isAttestation = ({ platform, annotations }: Descriptor): boolean =>
  platform?.os === 'unknown' || annotations?.['vnd.docker.reference.type'] !== undefined

const openLayout = async (files: StagedFiles): Promise<readonly ArchivedImage[]> => {
  const index = parseDocument(await files.read('index.json', MANIFEST_LIMIT), 'index.json of the archive')
  const entries = arrayField(index, 'manifests').map((item, at) => toDescriptor(item, `entry ${at} of ${index.what}`))
  const pathOf = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`
  return [...groupEntries(entries).values()].map((same) => {
    const [top] = same as [Descriptor]
    const references = same.flatMap(
      ({ annotations = {} }) => annotations[NAME_ANNOTATION] ?? annotations[CONTAINERD_NAME] ?? [],
    )
    const names = same.flatMap(
      ({ annotations = {} }) => annotations[CONTAINERD_NAME] ?? annotations[NAME_ANNOTATION] ?? [],
    )
    return {
      source: makeSource(files, { what: 'oci-archive', top, pathOf }),
      references,
      names: [...new Set(names.map(localName))],
    }
  })
}

/** One image a digest, with all its names. */
const groupEntries = (entries: readonly Descriptor[]): Map<Digest, Descriptor[]> => {
  const groups = new Map<Digest, Descriptor[]>()
  for (const entry of entries.filter((one) => !isAttestation(one)))
    groups.set(entry.digest, [...(groups.get(entry.digest) ?? []), entry])
  return groups
}

const openDirectory = (files: StagedFiles): readonly ArchivedImage[] => {
  const pathOf = (digest: Digest): string => {
    const plain = hexOf(digest)
    // Of an index the manifests lie beside it under their own names.
    return files.has(plain) ? plain : `${plain}.manifest.json`
  }
  return [{ source: makeSource(files, { what: 'dir', top: 'manifest.json', pathOf }), references: [], names: [] }]
}

/** @throws Failure `image.archive`, `image.document`, `image.reference`. */
export const openArchive = async (files: StagedFiles): Promise<OpenedArchive> => {
  // Docker 25 and newer write both forms into one archive; the layout keeps the digests of manifests.
  if (files.has('index.json') && files.has('oci-layout'))
    return {
      forms: files.has('manifest.json') ? ['oci-archive', 'docker-archive'] : ['oci-archive'],
      images: await openLayout(files),
    }
  if (!files.has('manifest.json')) throw badArchive('neither index.json with oci-layout nor manifest.json is in it')
  const bytes = await files.read('manifest.json', MANIFEST_LIMIT)
  if (bytes.toString('latin1').trimStart()[0] !== '[') return { forms: ['dir'], images: openDirectory(files) }
  const list = parseDocument(
    Buffer.concat([Buffer.from('{"images":'), bytes, Buffer.from('}')]),
    'manifest.json of the archive',
  )
  const images = arrayField(list, 'images').map((item, at): ArchivedImage => {
    const image = toDocument(item, `image ${at} of ${list.what}`)
    const references = optionalStrings(image, 'RepoTags')
    return {
      source: openDockerImage(files, {
        config: stringField(image, 'Config'),
        layers: optionalStrings(image, 'Layers'),
      }),
      references,
      names: references.map((name) => formatReference(parseReference(name))),
    }
  })
  return { forms: ['docker-archive'], images }
}
