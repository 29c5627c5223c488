/** POST /containers/create as Docker has it; /glasspod/run makes and starts in one call, and attaches if asked to. */
import type { Duplex } from 'node:stream'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import type { Unpacked } from '../images.ts'
import { Failure } from '../../errors.ts'
import { CREATE_SHAPE, type CreateBody } from '../../spec/create-body.ts'
import { takeBody, upgradedStream, watchClient } from '../hijack.ts'
import { parseBody, readBody, route, Status, type Request, type Route } from '../http.ts'
import { attachContainer, planAttachment } from './attach.ts'
import { abortWithClient, describeLosses } from './pull.ts'
import { isTrue } from './query.ts'

export const RUN = '/glasspod/run'
/** JSON, percent-encoded: the warnings that the body of `create` has. */
const WARNINGS_HEADER = 'glasspod-warnings'

interface Asked {
  body: CreateBody
  query: URLSearchParams
  headers: IncomingHttpHeaders
}

interface Made {
  container: Container
  warnings: readonly string[]
}

/** @param signal of the client: what another program put into the store may take its time to unpack. */
const findImage = async (agent: Agent, { body, query }: Asked, signal: AbortSignal): Promise<Unpacked> => {
  if (!body.Image) throw new Failure('no image is named', { id: 'container.image', status: 400, exitCode: 125 })
  const found = await agent.images.findUnpacked(body.Image, { signal, squash: isTrue(query.get('squash')) })
  if (signal.aborted) throw new Failure('the client went away', { id: 'api.client' })
  return found
}

const createContainer = async (
  agent: Agent,
  { body, query, headers }: Asked,
  { image, losses }: Unpacked,
): Promise<Made> => {
  const container = await agent.containers.create(body, image, {
    id: query.get('id') ?? undefined,
    name: query.get('name') ?? undefined,
    pod: query.get('pod') ?? undefined,
    driver: await agent.storage.forClient(headers),
    watch: agent.traces.find(query.get('trace')),
  })
  return { container, warnings: [...agent.warnings, ...(losses === undefined ? [] : describeLosses(losses))] }
}

/** What does not start is not left behind. */
const startContainer = async (agent: Agent, container: Container, query: URLSearchParams): Promise<void> => {
  try {
    await agent.supervisor.start(container, agent.traces.find(query.get('trace')))
  } catch (error) {
    // one that removes itself has done so
    if (agent.containers.all.has(container.record.id)) await agent.supervisor.remove(container, true)
    throw error
  }
}

/** The answer is the stream of attach, from the first byte; a failure is answered as one. */
export const runAttached = async (
  agent: Agent,
  query: URLSearchParams,
  connection: { request: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> => {
  const { request, socket } = connection
  const { body, rest } = await takeBody(connection)
  const asked = { body: parseBody<CreateBody>(body, CREATE_SHAPE), query, headers: request.headers }
  const client = watchClient(socket)
  const input = [rest]
  const found = await findImage(agent, asked, client.signal).finally(() => input.push(client.release()))
  const { container, warnings } = await createContainer(agent, asked, found)
  agent.supervisor.keepForStart(container)
  await startContainer(agent, container, query)
  // Its client learns now that it may ask for the exit code: a short one must not have removed itself before.
  agent.supervisor.keepForClients(container)
  query.set('logs', '1')
  const attachment = planAttachment(agent, container.record.id, query)
  const told = warnings.length === 0 ? {} : { [WARNINGS_HEADER]: encodeURIComponent(JSON.stringify(warnings)) }
  const stream = upgradedStream(socket, Buffer.concat(input), container.record.body.Tty === true, {
    ...attachment.headers,
    ...told,
  })
  attachContainer(attachment, stream)
}

export const createRoutes = (agent: Agent): Route[] => {
  const answerOf = ({ container, warnings }: Made) => new Status(201, { Id: container.record.id, Warnings: warnings })
  const create = async (request: Request): Promise<Made> => {
    const { raw, query } = request
    const asked = { body: await readBody<CreateBody>(raw, CREATE_SHAPE), query, headers: raw.headers }
    return createContainer(agent, asked, await findImage(agent, asked, abortWithClient(request)))
  }
  return [
    route('POST', '/containers/create', async (request) => {
      const made = await create(request)
      // Started later, it is looked at anew: volumes come and go.
      delete made.container.config
      return answerOf(made)
    }),
    route('POST', RUN, async (request) => {
      const made = await create(request)
      await startContainer(agent, made.container, request.query)
      return answerOf(made)
    }),
  ]
}
