/** POST /images/load and the import of POST /images/create?fromSrc=-: what a client sends becomes images. */
import type { LoadOptions } from '../../../images/archive/load.ts'
import { Failure } from '../../errors.ts'
import type { Agent } from '../agent.ts'
import type { Request } from '../http.ts'
import { sendFailureLine } from './json-lines.ts'
import { abortWithClient, describeLosses, formatLayerProgress } from './pull.ts'
import { drain, receive, tellReceived } from './received.ts'
import { isTrue, joinTag } from './query.ts'

export type Line = (value: unknown) => void

/** A transfer told line by line, its failure as the last one. */
export const answerInLines = async ({ raw, response }: Request, work: (line: Line) => Promise<void>): Promise<void> => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const line: Line = (value) => void response.write(`${JSON.stringify(value)}\n`)
  try {
    await work(line)
  } catch (error) {
    sendFailureLine(line, error)
    await drain(raw)
  }
  response.end()
}

export const loadInto = async (
  agent: Agent,
  chunks: AsyncIterable<Uint8Array>,
  { line, ...options }: Partial<LoadOptions> & { line: Line },
): Promise<void> => {
  const { loadImages } = await import('../../../images/archive/load.ts')
  const loaded = await agent.images.changing((store) =>
    loadImages(store, chunks, {
      ...agent.images.unpackOptions(),
      ...options,
      onProgress: (progress) => line(formatLayerProgress(progress)),
    }),
  )
  for (const one of loaded) {
    for (const status of describeLosses(one)) line({ status })
    for (const name of one.names) line({ stream: `Loaded image: ${name}\n` })
    if (one.names.length === 0) line({ stream: `Loaded image: ${one.image.id}\n` })
    line({ aux: { ID: one.image.id } })
  }
}

/** All of it told in lines: a client that is still sending when an answer of 400 closes the connection misses it. */
export const answerLoad = (agent: Agent, request: Request): Promise<void> =>
  answerInLines(request, async (line) => {
    const { raw, query } = request
    const signal = abortWithClient(request)
    const [{ parsePlatform }, { parseForm }] = await Promise.all([
      import('../../../images/platform.ts'),
      import('../../../images/archive/open.ts'),
    ])
    const [platform, reference] = [query.get('platform') ?? '', query.get('reference') ?? '']
    const archive = parseForm(query.get('format') ?? '')
    await loadInto(agent, tellReceived(receive(raw), line), {
      line,
      signal,
      around: agent.images.around(agent.traces.find(query.get('trace'))),
      squash: isTrue(query.get('squash')),
      single: isTrue(query.get('single')),
      ...(platform !== '' && { platform: parsePlatform(platform) }),
      ...(archive !== undefined && { archive }),
      ...(reference !== '' && { reference }),
    })
  })

export const answerImport = (agent: Agent, request: Request): Promise<void> =>
  answerInLines(request, (line) => importInto(agent, request, line))

const importInto = async (agent: Agent, request: Request, line: Line): Promise<void> => {
  const { raw, query } = request
  const signal = abortWithClient(request)
  const [{ importImage }, { planRunConfig }, { parseReference, formatReference }, { parsePlatform }] =
    await Promise.all([
      import('../../../images/import.ts'),
      import('../../../images/changes.ts'),
      import('../../../images/reference.ts'),
      import('../../../images/platform.ts'),
    ])
  if (query.get('fromSrc') !== '-')
    throw new Failure('an import reads the archive from the request, and from no address', {
      id: 'image.import',
      try: 'fromSrc=-, and the tar as the body',
      status: 400,
    })
  const [repo, platform] = [query.get('repo') ?? '', query.get('platform') ?? '']
  const names = repo === '' ? [] : [formatReference(parseReference(joinTag(repo, query.get('tag'))))]
  const config = planRunConfig(query.getAll('changes'))
  const wanted = platform === '' ? undefined : parsePlatform(platform)
  const taken = await agent.images.changing((store) =>
    importImage(store, tellReceived(receive(raw), line), {
      ...agent.images.unpackOptions(),
      names,
      config,
      signal,
      squash: isTrue(query.get('squash')),
      comment: query.get('message') ?? '',
      createdBy: query.get('createdBy') ?? 'glasspod import',
      ...(wanted !== undefined && { platform: wanted }),
      onProgress: (progress) => line(formatLayerProgress(progress)),
    }),
  )
  for (const status of describeLosses(taken)) line({ status })
  line({ status: taken.image.id, aux: { ID: taken.image.id } })
}
