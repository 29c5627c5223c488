/** Pulling, as docker's POST /images/create streams it: one JSON object a line, also for what goes wrong. */
import type { LayerProgress } from '../../../images/layer-fetch.ts'
import type { Losses } from '../../../images/layer/unpack.ts'
import { Failure } from '../../errors.ts'
import type { Agent } from '../agent.ts'
import type { Request } from '../http.ts'
import { openRegistry, readConf } from '../registry-session.ts'
import { sendFailureLine } from './json-lines.ts'
import { isTrue } from './query.ts'

export const short = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12)

const STATUS = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  unpacking: 'Extracting',
  done: 'Pull complete',
  exists: 'Already exists',
} as const

export const formatLayerProgress = ({ state, layer, current, total }: LayerProgress) => ({
  status: STATUS[state],
  id: short(layer),
  progressDetail: { current, total },
})

/** What the image has otherwise here than its maker had it. */
export const describeLosses = ({ squashed, placeholders }: Losses): readonly string[] => [
  ...(squashed > 0 ? [`${squashed} entries belong to root here: the id map does not have their owners`] : []),
  ...(placeholders > 0 ? [`${placeholders} devices are empty files here: a container has its own /dev`] : []),
]

/** Ends the work when the client goes away before it is done. */
export const abortWithClient = ({ response }: Pick<Request, 'response'>): AbortSignal => {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return gone.signal
}

export const nameOfPull = (query: URLSearchParams): string => {
  const tag = query.get('tag') ?? ''
  const from = query.get('fromImage') ?? ''
  if (from === '') throw new Failure('fromImage is missing', { id: 'image.reference', status: 400 })
  return tag === '' ? from : `${from}${tag.startsWith('sha256:') || tag.startsWith('sha512:') ? '@' : ':'}${tag}`
}

export const answerPull = async (agent: Agent, { raw, query, response }: Request): Promise<void> => {
  const name = nameOfPull(query)
  const [{ parseReference }, { parsePlatform, formatPlatform }, { pull }, { describeChoice }, takes] =
    await Promise.all([
      import('../../../images/reference.ts'),
      import('../../../images/platform.ts'),
      import('../../../images/pull.ts'),
      import('../../../images/resolve-manifest.ts'),
      agent.images.takes(),
    ])
  const reference = parseReference(name)
  const platform = query.get('platform') ?? ''
  const wanted = platform === '' ? undefined : parsePlatform(platform)
  const registry = await openRegistry(raw, reference.registry)
  const signal = abortWithClient({ response })
  response.writeHead(200, { 'content-type': 'application/json' })
  const line = (value: unknown) => response.write(`${JSON.stringify(value)}\n`)
  line({ status: `Pulling ${name}` })
  try {
    const conf = await readConf(registry.settings, query)
    const pulled = await agent.images.changing((store) =>
      pull(store, name, {
        conf,
        ...agent.images.unpackOptions(),
        squash: isTrue(query.get('squash')),
        registry,
        shared: takes,
        around: agent.images.around(agent.traces.find(query.get('trace'))),
        signal,
        ...(wanted !== undefined && { platform: wanted }),
        onProgress: (progress) => line(formatLayerProgress(progress)),
        onChosen: (chosen, offered) => line({ status: `Platform: ${describeChoice(chosen, offered)}` }),
      }),
    )
    const { image, servedBy } = pulled
    const named = `${reference.registry}/${reference.repository}`
    if (servedBy !== named) line({ status: `Served by ${servedBy}` })
    for (const status of describeLosses(pulled)) line({ status })
    line({
      status: `Digest: ${image.digest}`,
      aux: { ID: image.id, Name: pulled.name, Platform: formatPlatform(image.platform) },
    })
  } catch (error) {
    sendFailureLine(line, error)
  } finally {
    await registry.close()
  }
  response.end()
}
