/** /glasspod/graph, cgroup and explain: what is there, and what would be done. */
import type { Agent } from '../agent.ts'
import { readCgroups, readGraph } from '../graph.ts'
import { readBody, route, type Route } from '../http.ts'
import type { ContainerRecord, PodRecord } from '../records.ts'
import { POD_FIELDS, podRequest } from './pods.ts'
import type { Step } from '../../plan/step.ts'
import { explainSteps } from '../../see/explain.ts'
import { CREATE_SHAPE, type CreateBody } from '../../spec/create-body.ts'

/** The plan of a container that is not made: the same functions with the same input, and nothing is run. */
const explainContainer = async (agent: Agent, body: CreateBody, podWord: string | null): Promise<Step[]> => {
  const image = await agent.images.find(body.Image ?? '')
  const id = 'ID'.padEnd(12, '.')
  const pod: PodRecord =
    podWord === null
      ? {
          id: id,
          name: 'POD',
          implicit: true,
          hostname: body.Hostname || 'HOSTNAME',
          share: ['net', 'ipc', 'uts'],
          network:
            body.HostConfig?.NetworkMode === 'none'
              ? 'none'
              : body.HostConfig?.NetworkMode === 'host'
                ? 'host'
                : 'bridge',
          publish: body.Glasspod?.publish ?? [],
          labels: {},
          extraHosts: [],
          created: '',
        }
      : agent.pods.find(podWord)
  const record: ContainerRecord = {
    id,
    name: 'NAME',
    podId: pod.id,
    image: { id: image.id, name: body.Image ?? '', diffIds: [] },
    created: '',
    body,
    status: 'created',
    logStart: 0,
    restarts: 0,
  }
  const directory = `${agent.node.paths.containers}/${id}`
  return [
    ...(pod.pause === undefined ? agent.pods.plan(pod) : []),
    ...(await agent.supervisor.plan({ record, directory }, pod)),
  ]
}

export const seeRoutes = (agent: Agent): Route[] => [
  route('GET', '/glasspod/graph', () => readGraph(agent)),
  route('GET', '/glasspod/cgroup', () => readCgroups(agent)),
  route('POST', '/glasspod/explain', async ({ raw, query }) => {
    const body = await readBody<CreateBody & Parameters<typeof podRequest>[0]>(raw, {
      fields: query.get('verb') === 'pod-create' ? POD_FIELDS : CREATE_SHAPE.fields,
    })
    if (query.get('verb') !== 'pod-create')
      return { steps: explainSteps(await explainContainer(agent, body, query.get('pod'))) }
    const request = podRequest(body)
    const pod = await agent.pods.create(request)
    try {
      return { steps: explainSteps(agent.pods.plan(pod)) }
    } finally {
      await agent.pods.remove(pod)
    }
  }),
]
