/** /containers and /exec, without what makes one (create.ts) and without the streams (streams.ts). */
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import type { ExecBody } from '../execs.ts'
import { Failure } from '../../errors.ts'
import { EXEC_SHAPE } from '../../spec/create-body.ts'
import { readBody, route, Status, type Request, type Route } from '../http.ts'
import { notRunning, resizeTerminal } from '../monitored.ts'
import { refusePaused } from '../pause.ts'
import { inspectContainer, summariseContainer } from './describe.ts'
import { matchesFilters, parseFilters } from './filters.ts'
import { readLogs } from './logs.ts'
import { secondsOf } from './seconds.ts'
import { isTrue } from './query.ts'

/** Python's clients write their own word. */
const isTrueOrPython = (value: string | null): boolean => isTrue(value) || value === 'True'

export const containerRoutes = (agent: Agent): Route[] => {
  const find = ({ params }: Request): Container => agent.containers.find(params['id'] ?? '')
  const watchOf = ({ query }: Request) => agent.traces.find(query.get('trace'))
  return [
    route('GET', '/containers/json', async ({ query }) => {
      const filters = parseFilters(query.get('filters'))
      const all = isTrueOrPython(query.get('all')) || filters.has('status')
      const chosen = [...agent.containers.all.values()]
        .filter((container) => (all || container.isUp) && matchesFilters(agent, container, filters))
        .sort((a, b) => b.record.created.localeCompare(a.record.created))
      return Promise.all(chosen.map((container) => summariseContainer(agent, container)))
    }),
    route('GET', '/containers/{id}/json', (request) => inspectContainer(agent, find(request))),
    route('POST', '/containers/{id}/start', async (request) => {
      const container = find(request)
      if (agent.leaves.isPaused(container)) throw refusePaused(container.record.name, 'it can be started')
      if (container.isRunning) return new Status(304)
      await agent.supervisor.start(container, watchOf(request))
      return undefined
    }),
    route('POST', '/containers/{id}/stop', async (request) => {
      const container = find(request)
      if (!container.isUp) return new Status(304)
      await agent.stops.stop(container, secondsOf(request.query), { verb: 'stop' }, watchOf(request))
      return undefined
    }),
    route('POST', '/containers/{id}/restart', async (request) => {
      const container = find(request)
      const { name, body } = container.record
      if (body.HostConfig?.AutoRemove === true)
        throw new Failure(`container ${name} removes itself when it ends: it cannot be started again`, {
          id: 'container.auto-remove',
          why: 'it was made with --rm',
          try: `glasspod run again, without --rm`,
          status: 409,
          exitCode: 125,
        })
      await agent.stops.stop(container, secondsOf(request.query), { verb: 'restart' }, watchOf(request))
      await agent.supervisor.start(container, watchOf(request))
      return undefined
    }),
    route('POST', '/containers/{id}/kill', async (request) => {
      await agent.stops.kill(find(request), request.query.get('signal') ?? 'SIGKILL', 'kill', watchOf(request))
      return undefined
    }),
    route('POST', '/containers/{id}/wait', (request) => waitFor(agent, find(request), request)),
    route('POST', '/containers/{id}/resize', async (request) => {
      const { record, directory, isRunning } = find(request)
      if (!isRunning || record.monitor === undefined) throw notRunning(record.name)
      await resizeTerminal(record.monitor.pid, sizeOf(request.query), directory)
      return new Status(200)
    }),
    route('GET', '/containers/{id}/logs', (request) => readLogs(find(request), request)),
    route('GET', '/containers/{id}/export', async (request) => {
      const { answerExport } = await import('./export.ts')
      await answerExport(agent, request)
    }),
    route('DELETE', '/containers/{id}', async (request) => {
      await agent.supervisor.remove(find(request), isTrueOrPython(request.query.get('force')), watchOf(request))
      return undefined
    }),
    route('POST', '/containers/{id}/exec', async (request) => {
      const container = find(request)
      if (agent.leaves.isPaused(container)) throw refusePaused(container.record.name, 'exec')
      const exec = agent.execs.create(container, await readBody<ExecBody>(request.raw, EXEC_SHAPE))
      return new Status(201, { Id: exec.id })
    }),
    route('GET', '/exec/{id}/json', ({ params }) => {
      const exec = agent.execs.find(params['id'] ?? '')
      return {
        ID: exec.id,
        Running: exec.state === 'running',
        ExitCode: exec.exitCode ?? (exec.state === 'exited' ? 137 : null),
        Pid: exec.process?.pid ?? 0,
        ContainerID: exec.container.record.id,
        ProcessConfig: { tty: exec.body.Tty ?? false, arguments: exec.body.Cmd },
      }
    }),
    route('POST', '/exec/{id}/resize', async ({ params, query }) => {
      const exec = agent.execs.find(params['id'] ?? '')
      if (exec.monitor === undefined || exec.state !== 'running') throw notRunning(exec.id.slice(0, 12))
      await resizeTerminal(exec.monitor.pid, sizeOf(query), exec.directory)
      return new Status(200)
    }),
  ]
}

const sizeOf = (query: URLSearchParams): { rows: number; columns: number } => {
  const [rows, columns] = [Number(query.get('h')), Number(query.get('w'))]
  if (Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0 && rows < 65536 && columns < 65536)
    return { rows, columns }
  throw new Failure(`invalid terminal size ${query.get('h')} x ${query.get('w')}`, { id: 'terminal.size', status: 400 })
}

/** Headers at once: the client must know that it is heard before it starts the container. */
const waitFor = async (agent: Agent, container: Container, { query, response }: Request): Promise<undefined> => {
  const condition = query.get('condition') ?? 'not-running'
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  const event = condition === 'removed' ? 'removed' : 'end'
  const awaitEvent = () =>
    new Promise<void>((resolve) => {
      container.events.once(event, resolve)
      response.once('close', resolve)
      if (condition === 'removed') agent.supervisor.claim(container)
    })
  const isGone = () => response.destroyed || !agent.containers.all.has(container.record.id)
  if (condition !== 'not-running') await awaitEvent()
  else while (container.isUp && !isGone()) await awaitEvent()
  const { exitCode, error } = container.record
  const unknown = exitCode === undefined && error !== undefined
  response.end(
    `${JSON.stringify({ StatusCode: exitCode ?? 125, ...(unknown ? { Error: { Message: error } } : {}) })}\n`,
  )
  return undefined
}
