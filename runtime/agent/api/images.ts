/** /images: pull with progress, list, inspect, remove. */
import { sendFailureLine } from './json-lines.ts'
import type { Agent } from '../agent.ts'
import { Failure } from '../../errors.ts'
import { route, type Route } from '../http.ts'
import { inspectImage, summariseImage } from './describe.ts'

const short = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12)

const STATUS = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  unpacking: 'Extracting',
  done: 'Pull complete',
  exists: 'Already exists',
} as const

export const imageRoutes = (agent: Agent): Route[] => [
  route('POST', '/images/create', async ({ query, response }) => {
    const tag = query.get('tag') ?? ''
    const from = query.get('fromImage') ?? ''
    if (from === '') throw new Failure('fromImage is missing', { id: 'image.reference', status: 400 })
    const name = tag === '' ? from : `${from}${tag.startsWith('sha256:') ? '@' : ':'}${tag}`
    const { parseReference } = await import('../../../images/reference.ts')
    parseReference(name)
    response.writeHead(200, { 'content-type': 'application/json' })
    const line = (value: unknown) => response.write(`${JSON.stringify(value)}\n`)
    line({ status: `Pulling ${name}` })
    try {
      const platform = query.get('platform')
      const image = await agent.images.pull(
        name,
        platform === null || platform === '' ? undefined : platform,
        (progress) =>
          line({
            status: STATUS[progress.state],
            id: short(progress.layer),
            progressDetail: { current: progress.current, total: progress.total },
          }),
      )
      line({ status: `Digest: ${image.digest}`, aux: { ID: image.id } })
    } catch (error) {
      sendFailureLine(line, error)
    }
    response.end()
  }),
  route('GET', '/images/json', async () => (await agent.images.list()).map(summariseImage)),
  route('GET', '/images/{name*}/json', async ({ params }) =>
    inspectImage(await agent.images.find(params['name'] ?? '')),
  ),
  route('DELETE', '/images/{name*}', async ({ params, query }) => {
    const word = params['name'] ?? ''
    const force = query.get('force') === '1' || query.get('force') === 'true'
    const image = await agent.images.find(word)
    const user = [...agent.containers.all.values()].find(({ record }) => record.image.id === image.id)
    if (user !== undefined && image.names.length <= 1)
      throw new Failure(`image ${word} is used by container ${user.record.name}`, {
        id: 'image.in-use',
        try: `glasspod rm ${user.record.name}`,
        status: 409,
        exitCode: 125,
      })
    const { untagged, deleted } = await agent.images.remove(word, force)
    return [...untagged.map((Untagged) => ({ Untagged })), ...deleted.map((Deleted) => ({ Deleted }))]
  }),
]
