/** Calls on what a container may use and uses: pause, unpause, stats, update; and pause and unpause of pods. */
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import { readBody, route, type Request, type Route } from '../http.ts'
import { freeze, planFreeze, planThaw, refuseWithoutCgroup, thaw } from '../pause.ts'
import { describeStatistics, readSample, type Sample } from '../statistics.ts'
import { updateContainer, UPDATE_SHAPE, type UpdateBody } from '../update.ts'

/** Docker's: a sample a second. */
const INTERVAL_MS = 1000

const isFalse = (value: string | null): boolean => value === '0' || value === 'false' || value === 'False'

const leafOf = (agent: Agent, container: Container): string => {
  const leaf = agent.leaves.ofRunning(container)
  if (leaf === undefined) throw refuseWithoutCgroup(container.record.name, agent.node.holder?.cgroupReason)
  return leaf
}

export const planPause = (agent: Agent, container: Container) =>
  planFreeze(container.record.name, leafOf(agent, container))
export const planUnpause = (agent: Agent, container: Container) =>
  planThaw(container.record.name, leafOf(agent, container))

/** Of a pod the running ones that are not yet as they should be. */
export const toFreeze = (agent: Agent, word: string, isPaused: boolean): Container[] =>
  agent.containers
    .inPod(agent.pods.find(word))
    .filter((container) => container.isRunning && agent.leaves.isPaused(container) === isPaused)

/** Undefined once it has ended, and where it has no cgroup to be asked. */
const sample = (agent: Agent, container: Container): Sample | undefined => {
  const { process } = container.record
  const leaf = container.isRunning ? agent.leaves.of(container.record) : undefined
  return leaf === undefined || process === undefined ? undefined : readSample(leaf, process.pid)
}

const second = () => new Promise<void>((resolve) => setTimeout(resolve, INTERVAL_MS))

/** One value a second until the container or the client ends. */
const stream = (agent: Agent, container: Container, { response }: Request): Promise<undefined> =>
  new Promise((resolve) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    let before: Sample | undefined
    const tick = () => {
      const now = sample(agent, container)
      response.write(`${JSON.stringify(describeStatistics(container, now, before))}\n`)
      before = now
      if (now === undefined) end()
    }
    const end = () => {
      clearInterval(timer)
      container.events.off('end', end)
      response.end()
      resolve(undefined)
    }
    const timer = setInterval(tick, INTERVAL_MS)
    response.once('close', end)
    container.events.once('end', end)
    tick()
  })

const answerStatistics = async (agent: Agent, container: Container, request: Request): Promise<unknown> => {
  const { query } = request
  if (!isFalse(query.get('stream'))) return stream(agent, container, request)
  const first = sample(agent, container)
  // A rate needs two samples; one-shot asks for the counters alone.
  const oneShot = query.has('one-shot') && !isFalse(query.get('one-shot'))
  if (first === undefined || oneShot) return describeStatistics(container, first, undefined)
  await second()
  return describeStatistics(container, sample(agent, container), first)
}

export const resourceRoutes = (agent: Agent): Route[] => {
  const find = ({ params }: Request): Container => agent.containers.find(params['id'] ?? '')
  const watchOf = ({ query }: Request) => agent.traces.find(query.get('trace'))
  const pause = (container: Container, request: Request) =>
    freeze(container.record.name, leafOf(agent, container), watchOf(request))
  const unpause = (container: Container, request: Request) =>
    thaw(container.record.name, leafOf(agent, container), watchOf(request))
  return [
    route('POST', '/containers/{id}/pause', (request) => pause(find(request), request)),
    route('POST', '/containers/{id}/unpause', (request) => unpause(find(request), request)),
    route('GET', '/containers/{id}/stats', (request) => answerStatistics(agent, find(request), request)),
    route('POST', '/containers/{id}/update', async (request) => {
      const body = await readBody<UpdateBody>(request.raw, UPDATE_SHAPE)
      await updateContainer(agent, find(request), body, watchOf(request))
      return { Warnings: [] }
    }),
    route('POST', '/glasspod/pods/{id}/pause', async (request) => {
      for (const container of toFreeze(agent, request.params['id'] ?? '', false)) await pause(container, request)
      return undefined
    }),
    route('POST', '/glasspod/pods/{id}/unpause', async (request) => {
      for (const container of toFreeze(agent, request.params['id'] ?? '', true)) await unpause(container, request)
      return undefined
    }),
  ]
}
