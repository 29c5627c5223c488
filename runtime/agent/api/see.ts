/** /glasspod/graph, cgroup and explain: what is there, and what would be done. */
import type { Agent } from '../agent.ts'
import { readBody, route, type Route } from '../http.ts'
import type { ContainerRecord, PodRecord } from '../records.ts'
import { POD_FIELDS, podRequest } from './pods.ts'
import { readTree, type CgroupNode } from '../../kernel/cgroups/leaf.ts'
import { isAlive, readComm } from '../../kernel/processes.ts'
import { NAMESPACES, readNamespaceInode } from '../../kernel/namespaces.ts'
import type { Step } from '../../plan/step.ts'
import { explainSteps } from '../../see/explain.ts'
import { CREATE_SHAPE, type CreateBody } from '../../spec/create-body.ts'

const inodesOf = (pid: number) => Object.fromEntries(NAMESPACES.map((name) => [name, readNamespaceInode(pid, name)]))

const graphRows = (agent: Agent) => {
  const row = (pod: string, name: string, kind: string, pid: number) => ({
    pod,
    name,
    kind,
    pid,
    inodes: inodesOf(pid),
  })
  const node = [
    ...(agent.node.holder === undefined ? [] : [row('', 'holder', 'holder', agent.node.holder.pid)]),
    row('', 'agent', 'agent', process.pid),
  ]
  const pods = [...agent.pods.all.values()].flatMap((pod) => {
    const pause = pod.pause !== undefined && isAlive(pod.pause) ? [row(pod.name, 'pause', 'pause', pod.pause.pid)] : []
    const containers = agent.containers
      .inPod(pod)
      .flatMap((container) =>
        container.isRunning && container.record.process !== undefined
          ? [row(pod.name, container.record.name, 'container', container.record.process.pid)]
          : [],
      )
    return [...pause, ...containers]
  })
  return [...node, ...pods]
}

interface DescribedCgroup extends Omit<CgroupNode, 'processes' | 'children'> {
  kind: string
  processes: { pid: number; name: string }[]
  children: DescribedCgroup[]
}

/** Directories have ids for names; people have given names to what is in them. */
const describeCgroup = (agent: Agent, node: CgroupNode): DescribedCgroup => {
  const pod = [...agent.pods.all.values()].find((candidate) => agent.pods.cgroup(candidate) === node.path)
  const container = [...agent.containers.all.values()].find((c) => agent.supervisor.cgroup(c.record) === node.path)
  const kind = pod ? 'pod' : container ? 'container' : node.name === 'pause' ? 'pause' : 'directory'
  return {
    ...node,
    kind,
    name: pod?.name ?? container?.record.name ?? node.name,
    processes: node.processes.map((pid) => ({ pid, name: readComm(pid) ?? '' })),
    children: node.children.map((child) => describeCgroup(agent, child)),
  }
}

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
  route('GET', '/glasspod/graph', () => ({ namespaces: NAMESPACES, rows: graphRows(agent) })),
  route('GET', '/glasspod/cgroup', () => {
    const { cgroup, holder } = agent.node
    if (cgroup === undefined)
      return {
        available: false,
        reason: holder?.cgroupReason ?? 'no cgroup directory is delegated to this user',
        path: '',
        name: '',
        kind: 'directory',
        processes: [],
        facts: {},
        children: [],
      }
    return { available: true, ...describeCgroup(agent, readTree(cgroup)) }
  }),
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
