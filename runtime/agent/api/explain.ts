/** /glasspod/explain: what a verb would do, from the plans it would run; and /glasspod/trace: what one does, as it does it. */
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import type { ExecBody } from '../execs.ts'
import { readBody, route, type Request, type Route } from '../http.ts'
import type { ContainerRecord, PodRecord } from '../records.ts'
import { stillUp } from '../monitored.ts'
import { findPlayed } from '../play.ts'
import { assertIdle, planPodEnd } from '../pod-end.ts'
import { planUpdate, UPDATE_SHAPE, type UpdateBody } from '../update.ts'
import { planNode } from './explain-node.ts'
import { explainPlay } from './explain-play.ts'
import { idOf, imagineContainer, NOW, type Part } from './imagine.ts'
import { loadManifests, readManifest } from './play.ts'
import { planPause, planUnpause, toFreeze } from './resources.ts'
import { isTrue } from './query.ts'
import { secondsOf } from './seconds.ts'
import { POD_FIELDS, podRequest, type PodBody } from './pods.ts'
import { Failure } from '../../errors.ts'
import { planExecFiles } from '../../plan/exec.ts'
import { planPodCreation, planPodRemoval } from '../../plan/pod.ts'
import type { Step } from '../../plan/step.ts'
import { planUndo } from '../../plan/undo.ts'
import { findOpening } from '../../plan/without.ts'
import { explainSteps } from '../../see/explain.ts'
import { EXEC_SHAPE } from '../../spec/create-body.ts'

const AT_ITS_END = 'when it has ended'

/** What the end of a run takes back. */
const planEnd = (agent: Agent, record: ContainerRecord, pod: PodRecord): Step[] => [
  ...agent.supervisor.planRelease(record, pod),
  ...(pod.implicit ? planUndo(agent.pods.plan(pod)) : []),
]

const planStart = async (agent: Agent, container: Pick<Container, 'record' | 'directory'>, pod: PodRecord) => [
  ...(agent.pods.isRunning(pod) ? [] : agent.pods.plan(pod)),
  ...(await agent.supervisor.plan(container, pod)),
]

/** The same functions with the same input as what is run. */
const explainCreate = async (agent: Agent, request: Request): Promise<Part[]> => {
  const { image, pod, record, directory } = await imagineContainer(agent, request)
  const removal = record.body.HostConfig?.AutoRemove === true ? agent.containers.planRemoval({ directory }, pod) : []
  return [
    {
      when: NOW,
      steps: [
        ...(pod.implicit ? planPodCreation(agent.pods.directory(pod.id)) : []),
        ...agent.containers.planCreation({ record, directory }, image),
      ],
    },
    {
      when: request.query.get('verb') === 'run' ? NOW : 'when it is started',
      steps: await planStart(agent, { record, directory }, pod),
    },
    { when: AT_ITS_END, steps: [...planEnd(agent, record, pod), ...removal] },
  ]
}

const explainPod = async (agent: Agent, { raw }: Request): Promise<Part[]> => {
  const pod = await agent.pods.make(podRequest(await readBody<PodBody>(raw, { fields: POD_FIELDS })), idOf('POD'))
  return [
    { when: NOW, steps: planPodCreation(agent.pods.directory(pod.id)) },
    { when: 'when it or its first container is started', steps: agent.pods.plan(pod) },
  ]
}

const explainExec = async (agent: Agent, { raw, query }: Request): Promise<Part[]> => {
  const container = agent.containers.find(query.get('name') ?? '')
  const body = await readBody<ExecBody>(raw, EXEC_SHAPE)
  const directory = `${container.directory}/exec-$EXEC_ID`
  const start = await agent.execs.plan({ container, body, directory })
  return [{ when: NOW, steps: [...planExecFiles(directory), ...start] }]
}

const explainOne = async (agent: Agent, verb: string, { query, raw }: Request): Promise<Part[]> => {
  const container = agent.containers.find(query.get('name') ?? '')
  const { record } = container
  const pod = agent.pods.get(record.podId)
  const end = { when: AT_ITS_END, steps: planEnd(agent, record, pod) }
  switch (verb) {
    case 'start':
      return container.isRunning ? [] : [{ when: NOW, steps: await planStart(agent, container, pod) }, end]
    case 'stop':
      return container.isRunning ? [{ when: NOW, steps: agent.stops.planStop(container, secondsOf(query)) }, end] : []
    case 'restart': {
      // a pod of its own ends with its container, and another pause process is started
      const { pause: _pause, ...idle } = pod
      const again = container.isRunning && pod.implicit ? idle : pod
      const stop = container.isRunning
        ? [{ when: NOW, steps: agent.stops.planStop(container, secondsOf(query)) }, end]
        : []
      return [...stop, { when: container.isRunning ? 'then' : NOW, steps: await planStart(agent, container, again) }]
    }
    case 'kill':
      return [{ when: NOW, steps: agent.stops.planKill(container, query.get('signal') ?? undefined) }]
    case 'pause':
      return [{ when: NOW, steps: planPause(agent, container) }]
    case 'unpause':
      return [{ when: NOW, steps: planUnpause(agent, container) }]
    case 'update':
      return [{ when: NOW, steps: planUpdate(agent, container, await readBody<UpdateBody>(raw, UPDATE_SHAPE)).steps }]
    default:
      if (container.isUp && !isTrue(query.get('force'))) throw stillUp(container)
      return [
        ...(container.isRunning ? [{ when: NOW, steps: agent.stops.planHardEnd(container) }, end] : []),
        { when: NOW, steps: agent.containers.planRemoval(container, pod) },
      ]
  }
}

const explainPodVerb = async (agent: Agent, verb: string, { query }: Request): Promise<Part[]> => {
  const name = query.get('name') ?? ''
  const pod = agent.pods.find(name)
  if (verb === 'pod-pause' || verb === 'pod-unpause') {
    const isPaused = verb === 'pod-unpause'
    const plan = isPaused ? planUnpause : planPause
    return [{ when: NOW, steps: toFreeze(agent, name, isPaused).flatMap((container) => plan(agent, container)) }]
  }
  const running = agent.pods.isRunning(pod)
  const containers = agent.containers.inPod(pod)
  if (verb === 'pod-start') {
    const idle = containers.filter(({ isRunning }) => !isRunning)
    const starts = await Promise.all(idle.map((container) => agent.supervisor.plan(container, pod)))
    return [{ when: NOW, steps: [...(running ? [] : agent.pods.plan(pod)), ...starts.flat()] }]
  }
  const stops = containers.flatMap((container) =>
    container.isRunning ? agent.stops.planStop(container, secondsOf(query)) : [],
  )
  if (verb === 'pod-stop') return running ? [{ when: NOW, steps: [...stops, ...planUndo(agent.pods.plan(pod))] }] : []
  if (!isTrue(query.get('force'))) assertIdle(agent, pod)
  return [{ when: NOW, steps: planPodEnd(agent, pod) }]
}

const explainDown = async (agent: Agent, request: Request): Promise<Part[]> => {
  const { text, file } = await readManifest(request)
  const names = (await loadManifests()).parsePodNames(text, file)
  const { pods } = findPlayed(agent, names)
  return pods.map((pod) => {
    const containers = agent.containers.inPod(pod)
    const running = containers.filter(({ isRunning }) => isRunning)
    return {
      when: `now: pod ${pod.name}`,
      steps: [
        ...running.flatMap((container) => agent.stops.planStop(container, secondsOf(request.query))),
        ...running.flatMap(({ record }) => agent.supervisor.planRelease(record, pod)),
        ...(agent.pods.isRunning(pod) ? planUndo(agent.pods.plan(pod)) : []),
        ...containers.flatMap((container) => agent.containers.planRemoval(container, pod)),
        planPodRemoval(agent.pods.directory(pod.id)),
      ],
    }
  })
}

const explainNode = async (agent: Agent): Promise<Part[]> => {
  const { byRoot, start, network } = await planNode(agent)
  return [
    { when: 'started by root, before anything else', steps: byRoot },
    { when: 'when a command finds no agent', steps: start },
    { when: 'when the first pod asks for a network', steps: network },
  ]
}

const explainVerb = (agent: Agent, request: Request): Part[] | Promise<Part[]> => {
  const verb = request.query.get('verb') ?? 'run'
  switch (verb) {
    case 'run':
    case 'create':
      return explainCreate(agent, request)
    case 'rootless':
      return explainNode(agent)
    case 'pull':
      return agent.images.planPull(request.query.get('name') ?? '').then((steps) => [{ when: NOW, steps }])
    case 'load':
      return [{ when: NOW, steps: agent.images.planLoad(request.query.get('name') ?? undefined) }]
    case 'rmi':
      return agent.images
        .planRemoval(request.query.get('name') ?? '', isTrue(request.query.get('force')))
        .then((steps) => [{ when: NOW, steps }])
    case 'play':
      return explainPlay(agent, request)
    case 'down':
      return explainDown(agent, request)
    case 'exec':
      return explainExec(agent, request)
    case 'pod-create':
      return explainPod(agent, request)
    case 'start':
    case 'stop':
    case 'kill':
    case 'restart':
    case 'pause':
    case 'unpause':
    case 'update':
    case 'rm':
      return explainOne(agent, verb, request)
    case 'pod-start':
    case 'pod-stop':
    case 'pod-pause':
    case 'pod-unpause':
    case 'pod-rm':
      return explainPodVerb(agent, verb, request)
    default:
      throw new Failure(`nothing explains ${verb}`, { id: 'explain.verb', status: 400 })
  }
}

/** A JSON list of step ids. */
const parseWithout = (text: string | null, step: boolean): string[] => {
  if (text === null) return []
  const wrong = (sentence: string) => new Failure(sentence, { id: 'step.without', status: 400 })
  if (!step) throw wrong('without goes with step=1')
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw wrong('without is a JSON list of step ids')
  }
  if (!Array.isArray(list) || !list.every((id) => typeof id === 'string'))
    throw wrong('without is a JSON list of step ids')
  for (const id of list) findOpening(id)
  return list
}

export const explainRoutes = (agent: Agent): Route[] => [
  route('POST', '/glasspod/explain', async (request) => {
    const parts = await explainVerb(agent, request)
    return {
      root: agent.node.paths.root,
      steps: parts.flatMap(({ when, steps }) => explainSteps(steps).map((step) => ({ when, ...step }))),
    }
  }),
  route('GET', '/glasspod/trace/{token}', ({ params, query, response }) => {
    const step = query.get('step') === '1'
    const without = parseWithout(query.get('without'), step)
    const close = agent.traces.open(params['token'] ?? '', {
      send: (event) => response.write(`${JSON.stringify(event)}\n`),
      end: () => response.end(`${JSON.stringify({ end: true })}\n`),
      step,
      without: new Set(without),
    })
    response.writeHead(200, { 'content-type': 'application/json' })
    // The first line says that it listens.
    const warnings = without.map((id) => `without ${id}: ${findOpening(id)}`)
    response.write(`${JSON.stringify({ root: agent.node.paths.root, ...(step ? { warnings } : {}) })}\n`)
    return new Promise<undefined>((resolve) =>
      response.once('close', () => {
        close()
        resolve(undefined)
      }),
    )
  }),
  route('POST', '/glasspod/trace/{token}/step', ({ params, query }) => {
    const answer = query.get('do')
    if (answer !== 'go' && answer !== 'leave') throw new Failure('do is go or leave', { id: 'trace.step', status: 400 })
    const to = query.get('to') ?? undefined
    agent.traces.answer(params['token'] ?? '', answer === 'go' ? { go: true, to } : { go: false })
    return undefined
  }),
  route('POST', '/glasspod/trace/{token}/end', ({ params }) => {
    agent.traces.end(params['token'] ?? '')
    return undefined
  }),
]
