/** /images: pull with progress, list, inspect, history, tag, remove, prune. */
import type { Removal } from '../../../images/store/removal.ts'
import type { Agent } from '../agent.ts'
import { Failure } from '../../errors.ts'
import { route, Status, type Request, type Route } from '../http.ts'
import { inspectImage, summariseImage } from './describe.ts'
import { answerImageTree } from './image-tree.ts'
import { answerImport, answerLoad } from './load.ts'
import { answerPull } from './pull.ts'
import { answerPush } from './push.ts'
import { answerArchive, answerSave } from './save.ts'
import { isTrue, joinTag } from './query.ts'

const nameIn = ({ params }: Request): string => params['name'] ?? ''

const describeRemoval = ({ untagged, deleted }: Removal) => [
  ...untagged.map((Untagged) => ({ Untagged })),
  ...deleted.map((Deleted) => ({ Deleted })),
]

const answerList = async (agent: Agent, { query }: Request) => {
  const filters = query.get('filters')
  const images = await agent.images.list()
  if (filters === null) return images.map(summariseImage)
  const { parseImageFilters, planImageFilter } = await import('./image-filters.ts')
  const isWanted = await planImageFilter(parseImageFilters(filters), (word) => agent.images.find(word))
  return images.filter(isWanted).map(summariseImage)
}

const answerHistory = async (agent: Agent, request: Request) => {
  const { planHistory } = await import('../../../images/history.ts')
  const image = await agent.images.find(nameIn(request))
  const config = await (await agent.images.store()).readBlob(image.id)
  return planHistory(config ?? Buffer.from('{}'), image.layers).map((step, at) => ({
    Id: at === 0 ? image.id : '<missing>',
    Created: Math.floor(Date.parse(step.created ?? '') / 1000) || 0,
    CreatedBy: step.createdBy,
    Tags: at === 0 ? image.names : null,
    Size: step.size,
    Comment: step.comment,
  }))
}

const answerTag = async (agent: Agent, request: Request): Promise<Status> => {
  const { formatReference, parseReference } = await import('../../../images/reference.ts')
  const target = parseReference(joinTag(request.query.get('repo') ?? '', request.query.get('tag')))
  if (target.digest !== undefined)
    throw new Failure(`${formatReference(target)} is no name to give`, {
      id: 'image.reference',
      why: 'a digest comes from the content, and cannot be chosen',
      try: 'NAME:TAG',
      status: 400,
    })
  await agent.images.tag(nameIn(request), formatReference(target))
  return new Status(201)
}

const answerPrune = async (agent: Agent, { query }: Request) => {
  const { parsePruneFilters, planPrune } = await import('./image-filters.ts')
  const isWanted = await planPrune(parsePruneFilters(query.get('filters')))
  const { reclaimed, ...removal } = await agent.images.changing((store) => store.prune(isWanted))
  return { ImagesDeleted: describeRemoval(removal), SpaceReclaimed: reclaimed }
}

export const imageRoutes = (agent: Agent): Route[] => [
  route('POST', '/images/create', (request) =>
    request.query.has('fromSrc') ? answerImport(agent, request) : answerPull(agent, request),
  ),
  route('POST', '/images/load', (request) => answerLoad(agent, request)),
  route('GET', '/images/get', (request) => answerSave(agent, request)),
  route('GET', '/images/{name*}/get', (request) => answerSave(agent, request)),
  route('POST', '/glasspod/images/archive', (request) => answerArchive(agent, request)),
  route('POST', '/images/prune', (request) => answerPrune(agent, request)),
  route('GET', '/images/json', (request) => answerList(agent, request)),
  route('GET', '/images/{name*}/json', async (request) => inspectImage(await agent.images.find(nameIn(request)))),
  route('GET', '/images/{name*}/history', (request) => answerHistory(agent, request)),
  route('GET', '/glasspod/images/{name*}/tree', (request) => answerImageTree(agent, request)),
  route('POST', '/images/{name*}/push', (request) => answerPush(agent, request)),
  route('POST', '/images/{name*}/tag', (request) => answerTag(agent, request)),
  route('DELETE', '/images/{name*}', async (request) => {
    return describeRemoval(
      await agent.images.remove(
        nameIn(request),
        isTrue(request.query.get('force')),
        agent.traces.find(request.query.get('trace')),
      ),
    )
  }),
]
