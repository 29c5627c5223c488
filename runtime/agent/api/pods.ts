/** /glasspod/pods: what Docker's API has no word for. */
import type { Agent } from '../agent.ts'
import { readBody, route, Status, type Request, type Route } from '../http.ts'
import { assertIdle, removePod, stopPod } from '../pod-end.ts'
import type { PodRecord } from '../records.ts'
import { LIMIT_FIELDS, type Limits } from '../../spec/limits.ts'
import { TEXTS, type Shape } from '../../spec/shape.ts'
import { summarisePod } from './describe.ts'
import { secondsOf } from './seconds.ts'
import { isTrue } from './query.ts'

export interface PodBody {
  Name?: string
  Share?: PodRecord['share']
  Hostname?: string
  Publish?: string[]
  Labels?: Record<string, string>
  Network?: string
  ExtraHosts?: string[]
  Limits?: Limits
}

export const POD_FIELDS: Readonly<Record<string, Shape>> = {
  ...{ Name: 'text', Share: TEXTS, Hostname: 'text', Publish: TEXTS, Network: 'text', ExtraHosts: TEXTS },
  Labels: { each: 'text' },
  Limits: { fields: LIMIT_FIELDS },
}

const given = (text: string | undefined) => (text === '' ? undefined : text)

export const podRequest = (body: PodBody) => ({
  name: given(body.Name),
  share: body.Share,
  hostname: given(body.Hostname),
  publish: body.Publish,
  labels: body.Labels,
  network: given(body.Network),
  extraHosts: body.ExtraHosts,
  limits: body.Limits,
})

export const podRoutes = (agent: Agent): Route[] => {
  const find = ({ params }: Request): PodRecord => agent.pods.find(params['id'] ?? '')
  const watchOf = ({ query }: Request) => agent.traces.find(query.get('trace'))
  return [
    route('GET', '/glasspod/pods', () =>
      Promise.all(
        [...agent.pods.all.values()]
          .filter(({ implicit }) => !implicit)
          .sort((a, b) => b.created.localeCompare(a.created))
          .map((pod) => summarisePod(agent, pod)),
      ),
    ),
    route('POST', '/glasspod/pods/create', async ({ raw, query }) => {
      const pod = await agent.pods.create(
        podRequest(await readBody<PodBody>(raw, { fields: POD_FIELDS })),
        agent.traces.find(query.get('trace')),
      )
      return new Status(201, { Id: pod.id, Name: pod.name, Warnings: agent.warnings })
    }),
    route('GET', '/glasspod/pods/{id}/json', (request) => summarisePod(agent, find(request))),
    route('POST', '/glasspod/pods/{id}/start', async (request) => {
      const pod = find(request)
      const watch = watchOf(request)
      await agent.pods.start(pod, watch)
      for (const container of agent.containers.inPod(pod)) await agent.supervisor.start(container, watch)
      return undefined
    }),
    route('POST', '/glasspod/pods/{id}/stop', async (request) => {
      await stopPod(agent, find(request), { seconds: secondsOf(request.query), watch: watchOf(request) })
      return undefined
    }),
    route('DELETE', '/glasspod/pods/{id}', async (request) => {
      const pod = find(request)
      if (!isTrue(request.query.get('force'))) assertIdle(agent, pod)
      await removePod(agent, pod, watchOf(request))
      return undefined
    }),
  ]
}
