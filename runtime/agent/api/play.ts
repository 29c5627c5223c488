/** /glasspod/play and /glasspod/down: the text of a file of manifests, parsed here. */
import type { Agent } from '../agent.ts'
import { Failure } from '../../errors.ts'
import { readBody, route, Status, type Request, type Route } from '../http.ts'
import { checkPlay, down, play } from '../play.ts'
import type { PodManifest } from '../../spec/manifest/pod.ts'
import { containerName } from '../../spec/manifest/request.ts'
import type { Shape } from '../../spec/shape.ts'
import { abortWithClient, describeLosses } from './pull.ts'
import { isTrue } from './query.ts'
import { secondsOf } from './seconds.ts'

interface PlayBody {
  Manifest?: string
  /** As the caller calls it, for messages. */
  File?: string
}

const SHAPE: Shape = { fields: { Manifest: 'text', File: 'text' } }
/** What etcd takes for one object is of this size. */
const MOST_BYTES = 1024 * 1024

/** The parser is loaded by the first who plays. */
export const loadManifests = () => import('../../spec/manifest/manifest.ts')

export const readManifest = async ({ raw }: Request): Promise<{ text: string; file: string }> => {
  const { Manifest: text = '', File: file = 'manifest' } = await readBody<PlayBody>(raw, SHAPE)
  if (text.length > MOST_BYTES)
    throw new Failure(`${file} is over ${MOST_BYTES} bytes`, { id: 'play.manifest', status: 413, exitCode: 125 })
  return { text, file }
}

/** What would be made; `Present`: the image is here. */
const describe = async (agent: Agent, pod: PodManifest) => ({
  Name: pod.name,
  Network: pod.network,
  Share: pod.share,
  RestartPolicy: pod.restart.Name,
  Volumes: pod.volumes.map(({ name, kind }) => ({ Name: name, Kind: kind })),
  Containers: await Promise.all(
    pod.containers.map(async (container) => ({
      Name: containerName(pod, container),
      Image: container.image,
      Pull: container.pull,
      Present: await agent.images.find(container.image).then(
        () => true,
        () => false,
      ),
      Publish: container.publish,
    })),
  ),
})

export const playRoutes = (agent: Agent): Route[] => {
  const watchOf = ({ query }: Request) => agent.traces.find(query.get('trace'))
  return [
    route('POST', '/glasspod/play', async (request) => {
      const { text, file } = await readManifest(request)
      const manifests = (await loadManifests()).parseManifests(text, file)
      const replace = isTrue(request.query.get('replace'))
      if (isTrue(request.query.get('dry-run'))) {
        await checkPlay(agent, manifests, replace)
        return Promise.all(manifests.map((pod) => describe(agent, pod)))
      }
      const made = await play(agent, manifests, {
        replace,
        watch: watchOf(request),
        squash: isTrue(request.query.get('squash')),
        signal: abortWithClient(request),
      })
      return new Status(
        201,
        made.map(({ pod, containers, unpacked }) => ({
          Id: pod.id,
          Name: pod.name,
          IP: pod.ip ?? '',
          Containers: containers.map(({ record }) => ({ Id: record.id, Name: record.name })),
          Warnings: unpacked.flatMap(({ image, losses }) =>
            describeLosses(losses).map((words) => `image ${image}: ${words}`),
          ),
        })),
      )
    }),
    route('POST', '/glasspod/down', async (request) => {
      const { text, file } = await readManifest(request)
      const names = (await loadManifests()).parsePodNames(text, file)
      const { removed, missing } = await down(agent, names, {
        seconds: secondsOf(request.query),
        watch: watchOf(request),
      })
      return { Removed: removed.map(({ id, name }) => ({ Id: id, Name: name })), Missing: missing }
    }),
  ]
}
