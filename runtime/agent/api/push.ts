/** Pushing, as docker's POST /images/NAME/push streams it: one JSON object a line, also for what goes wrong. */
import type { PushProgress } from '../../../images/push.ts'
import type { Image } from '../../../images/image.ts'
import type { Reference } from '../../../images/reference.ts'
import { Failure } from '../../errors.ts'
import type { Agent } from '../agent.ts'
import type { Request } from '../http.ts'
import { openRegistry, readConf } from '../registry-session.ts'
import { sendFailureLine } from './json-lines.ts'
import { abortWithClient, short } from './pull.ts'
import { joinTag } from './query.ts'

const STATUS = {
  preparing: 'Preparing',
  pushing: 'Pushing',
  pushed: 'Pushed',
  exists: 'Already exists',
  mounted: 'Mounted',
} as const

export const formatPushProgress = ({ state, blob, current, total }: PushProgress) => ({
  status: STATUS[state],
  id: short(blob),
  progressDetail: state === 'pushing' ? { current, total } : {},
})

interface Wanted {
  readonly image: Image
  readonly target: Reference
}

/** Docker's way: a name without tag and `tag` is all tags of that name. Ours: `destination` is where to. */
const planTargets = async (agent: Agent, { params, query }: Request): Promise<readonly Wanted[]> => {
  const { parseReference, repositoryOf } = await import('../../../images/reference.ts')
  const [name, tag, destination] = [params['name'] ?? '', query.get('tag') ?? '', query.get('destination') ?? '']
  const word = joinTag(name, tag)
  if (destination !== '') return [{ image: await agent.images.find(word), target: parseReference(destination) }]
  if (tag !== '' || repositoryOf(name) !== name)
    return [{ image: await agent.images.find(word), target: parseReference(await agent.images.nameMeant(word)) }]
  const { registry, repository } = parseReference(name)
  const all = (await agent.images.list()).flatMap((image) =>
    image.names
      .map(parseReference)
      .filter((other) => other.registry === registry && other.repository === repository && other.tag !== undefined)
      .map((target) => ({ image, target })),
  )
  if (all.length > 0) return all
  throw new Failure(`no image is called ${name}, with whichever tag`, { id: 'image.unknown', status: 404 })
}

export const answerPush = async (agent: Agent, request: Request): Promise<void> => {
  const { raw, response } = request
  const [{ push }, { familiarReference }, wanted, store] = await Promise.all([
    import('../../../images/push.ts'),
    import('../../../images/reference.ts'),
    planTargets(agent, request),
    agent.images.store(),
  ])
  const registry = await openRegistry(raw, wanted[0]?.target.registry ?? '')
  const signal = abortWithClient(request)
  response.writeHead(200, { 'content-type': 'application/json' })
  const line = (value: unknown) => response.write(`${JSON.stringify(value)}\n`)
  try {
    const conf = await readConf(registry.settings, request.query)
    for (const { image, target } of wanted) {
      line({ status: `The push refers to repository [${target.registry}/${target.repository}]` })
      const { digest, size } = await push(store, image, target, {
        registry,
        conf,
        signal,
        onProgress: (progress) => line(formatPushProgress(progress)),
      })
      const Tag = target.tag ?? digest
      line({ status: `${Tag}: digest: ${digest} size: ${size}` })
      line({ progressDetail: {}, aux: { Tag, Digest: digest, Size: size, Name: familiarReference(target) } })
    }
  } catch (error) {
    sendFailureLine(line, error)
  } finally {
    await registry.close()
  }
  response.end()
}
