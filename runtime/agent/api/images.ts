/** /images: pull with progress, list, inspect, remove. */
import type { Agent } from '../agent.ts'
import { Failure } from '../../errors.ts'
import { route, type Route } from '../http.ts'
import { inspectImage, summariseImage } from './describe.ts'
import { answerPull } from './pull.ts'

export const imageRoutes = (agent: Agent): Route[] => [
  route('POST', '/images/create', (request) => answerPull(agent, request)),
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
