/** GET /images/get, GET /images/NAME/get, as docker has them, and POST /glasspod/images/archive: images as an archive. */
import type { ArchiveForm } from '../../../images/archive/open.ts'
import type { SavedImage } from '../../../images/archive/save.ts'
import type { OutgoingHttpHeaders } from 'node:http'
import { Failure } from '../../errors.ts'
import { TEXTS, type Shape } from '../../spec/shape.ts'
import type { Agent } from '../agent.ts'
import { readBody, type Request } from '../http.ts'

/** By a name an image is saved with that name, by an id without any. */
const findSaved = async (agent: Agent, word: string): Promise<SavedImage> => {
  const [{ referenceOf }, { formatReference }] = await Promise.all([
    import('../../../images/store/find.ts'),
    import('../../../images/reference.ts'),
  ])
  const image = await agent.images.find(word)
  const reference = referenceOf(await agent.images.nameMeant(word))
  const name = reference === undefined ? '' : formatReference(reference)
  return { image, references: image.names.includes(name) && reference?.digest === undefined ? [name] : [] }
}

/** Several names of one image are one image with several names. */
const mergeNames = (saved: readonly SavedImage[]): readonly SavedImage[] => {
  const merged = new Map<string, SavedImage>()
  for (const { image, references } of saved) {
    const known = merged.get(image.digest)?.references ?? []
    merged.set(image.digest, { image, references: [...new Set([...known, ...references])] })
  }
  return [...merged.values()]
}

const send = async (
  agent: Agent,
  { response }: Request,
  { saved, form, headers = {} }: { saved: readonly SavedImage[]; form: ArchiveForm; headers?: OutgoingHttpHeaders },
): Promise<void> => {
  const [{ saveImages }, { pipeline }, store] = await Promise.all([
    import('../../../images/archive/save.ts'),
    import('node:stream/promises'),
    agent.images.store(),
  ])
  const archive = await saveImages(store, saved, form)
  response.writeHead(200, { 'content-type': 'application/x-tar', ...headers })
  // A client that goes away ends it; an archive that breaks off ends without the last chunk, which a client sees.
  await pipeline(archive, response).catch(() => response.destroy())
}

export const answerSave = async (agent: Agent, request: Request): Promise<void> => {
  const { params, query } = request
  const words =
    params['name'] === undefined ? query.getAll('names').flatMap((names) => names.split(',')) : [params['name']]
  if (words.length === 0) throw new Failure('no image is named', { id: 'image.archive', status: 400 })
  const saved = await Promise.all(words.map((word) => findSaved(agent, word)))
  await send(agent, request, { saved: mergeNames(saved), form: 'docker-archive' })
}

interface ArchiveBody {
  /** Images, by names or ids. */
  Images?: string[]
  Form?: string
  /** What the image, the only one, is called in the archive; empty for no name. Without it the names count. */
  Reference?: string
}

const ARCHIVE_SHAPE: Shape = { fields: { Images: TEXTS, Form: 'text', Reference: 'text' } }

/** In a docker-archive names are full ones. */
const nameInArchive = async (form: ArchiveForm, text: string): Promise<readonly string[]> => {
  if (text === '' || form !== 'docker-archive') return text === '' ? [] : [text]
  const { formatReference, parseReference } = await import('../../../images/reference.ts')
  const reference = parseReference(text)
  if (reference.digest === undefined) return [formatReference(reference)]
  throw new Failure(`${text} is no name in a docker-archive`, {
    id: 'image.reference',
    why: 'it has tags only',
    try: 'docker-archive:FILE:NAME:TAG',
    status: 400,
  })
}

export const answerArchive = async (agent: Agent, request: Request): Promise<void> => {
  const { Images = [], Form = '', Reference } = await readBody<ArchiveBody>(request.raw, ARCHIVE_SHAPE)
  const { parseForm } = await import('../../../images/archive/open.ts')
  const form = parseForm(Form) ?? 'docker-archive'
  const references = Reference === undefined ? undefined : await nameInArchive(form, Reference)
  const found = await Promise.all(Images.map((word) => findSaved(agent, word)))
  const saved = mergeNames(found.map((one) => ({ ...one, ...(references !== undefined && { references }) })))
  const [only] = saved
  const headers =
    only !== undefined && saved.length === 1 && form !== 'docker-archive'
      ? { 'glasspod-digest': only.image.digest }
      : {}
  await send(agent, request, { saved, form, headers })
}
