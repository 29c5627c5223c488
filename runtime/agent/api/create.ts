/** POST /containers/create as Docker has it; /glasspod/run makes and starts in one call, and attaches if asked to. */
import type { Duplex } from 'node:stream'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import { Failure } from '../../errors.ts'
import { CREATE_SHAPE, type CreateBody } from '../../spec/create-body.ts'
import { takeBody, upgradedStream } from '../hijack.ts'
import { parseBody, readBody, route, Status, type Route } from '../http.ts'
import { attachContainer, planAttachment } from './attach.ts'

export const RUN = '/glasspod/run'
/** JSON, percent-encoded: the warnings that the body of `create` has. */
const WARNINGS_HEADER = 'glasspod-warnings'

const createContainer = async (
  agent: Agent,
  body: CreateBody,
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
): Promise<Container> => {
  if (!body.Image) throw new Failure('no image is named', { id: 'container.image', status: 400, exitCode: 125 })
  return agent.containers.create(body, await agent.images.findUnpacked(body.Image), {
    id: query.get('id') ?? undefined,
    name: query.get('name') ?? undefined,
    pod: query.get('pod') ?? undefined,
    driver: await agent.storage.forClient(headers),
    watch: agent.traces.find(query.get('trace')),
  })
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
  const { body, rest } = await takeBody(connection)
  const container = await createContainer(
    agent,
    parseBody<CreateBody>(body, CREATE_SHAPE),
    query,
    connection.request.headers,
  )
  agent.supervisor.keepForStart(container)
  await startContainer(agent, container, query)
  // Its client learns now that it may ask for the exit code: a short one must not have removed itself before.
  agent.supervisor.keepForClients(container)
  query.set('logs', '1')
  const attachment = planAttachment(agent, container.record.id, query)
  const warnings =
    agent.warnings.length === 0 ? {} : { [WARNINGS_HEADER]: encodeURIComponent(JSON.stringify(agent.warnings)) }
  const stream = upgradedStream(connection.socket, rest, container.record.body.Tty === true, {
    ...attachment.headers,
    ...warnings,
  })
  attachContainer(attachment, stream)
}

export const createRoutes = (agent: Agent): Route[] => {
  const answerOf = ({ record }: Container) => new Status(201, { Id: record.id, Warnings: agent.warnings })
  return [
    route('POST', '/containers/create', async ({ raw, query }) => {
      const container = await createContainer(agent, await readBody<CreateBody>(raw, CREATE_SHAPE), query, raw.headers)
      // Started later, it is looked at anew: volumes come and go.
      delete container.config
      return answerOf(container)
    }),
    route('POST', RUN, async ({ raw, query }) => {
      const container = await createContainer(agent, await readBody<CreateBody>(raw, CREATE_SHAPE), query, raw.headers)
      await startContainer(agent, container, query)
      return answerOf(container)
    }),
  ]
}
