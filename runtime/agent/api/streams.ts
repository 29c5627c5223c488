/** Attach, run and exec start: the calls whose connection becomes the container's standard streams. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { formatFailure } from '../../errors.ts'
import type { Agent } from '../agent.ts'
import { attach } from '../attach.ts'
import { answeredStream, takeBody, upgradedStream, type RawStream } from '../hijack.ts'
import { describeError, readBody, route, Status, type Route } from '../http.ts'
import { attachContainer, planAttachment } from './attach.ts'
import { RUN, runAttached } from './create.ts'

const ATTACH = /^(?:\/v[0-9.]+)?\/containers\/([^/]+)\/attach$/
const EXEC = /^(?:\/v[0-9.]+)?\/exec\/([^/]+)\/start$/

const startExec = async (agent: Agent, id: string, query: URLSearchParams, stream: RawStream): Promise<void> => {
  const exec = agent.execs.find(id)
  const watch = agent.traces.find(query.get('trace'))
  await agent.execs.prepare(exec, watch)
  const started = new Promise<void>((resolve) => exec.events.once('start', resolve))
  const closeInput = exec.body.Tty !== true
  attach(
    exec,
    stream,
    { stdin: exec.body.AttachStdin === true, stdout: true, stderr: true, from: 0, closeInput },
    started,
  )
  try {
    await agent.execs.start(exec, watch)
    stream.open()
    exec.events.emit('start')
  } catch (error) {
    // As Docker has it: the stream carries the error, the exit code is asked for afterwards.
    const { body } = describeError(error)
    const text = `${formatFailure(String(body['message']), body)}\n`
    const bytes = Buffer.from(exec.body.Tty === true ? text.replaceAll('\n', '\r\n') : text)
    stream.write({ stream: 2, time: 0n, bytes })
    stream.end()
  }
}

/** The connection is taken over when the client asks for it with an Upgrade header. */
export const upgrade = async (agent: Agent, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
  try {
    const url = new URL(request.url ?? '/', 'http://agent')
    const container = ATTACH.exec(url.pathname)?.[1]
    const exec = EXEC.exec(url.pathname)?.[1]
    const connection = { request, socket, head }
    if (url.pathname === RUN) await runAttached(agent, url.searchParams, connection)
    else if (container !== undefined) {
      const tty = isTty(agent, container)
      const attachment = planAttachment(agent, container, url.searchParams)
      const { rest } = await takeBody(connection)
      attachContainer(attachment, upgradedStream(socket, rest, tty, attachment.headers))
    } else if (exec !== undefined) {
      const tty = agent.execs.find(exec).body.Tty === true
      const { rest } = await takeBody(connection)
      await startExec(agent, exec, url.searchParams, upgradedStream(socket, rest, tty))
    } else throw new Error(`${url.pathname} is no stream`)
  } catch (error) {
    const { status, body } = describeError(error)
    const text = `${JSON.stringify(body)}\n`
    socket.end(
      `HTTP/1.1 ${status} Error\r\nContent-Type: application/json\r\nConnection: close\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    )
  }
}

export const streamRoutes = (agent: Agent): Route[] => [
  route('POST', '/containers/{id}/attach', ({ params, query, response }) => {
    const id = params['id'] ?? ''
    const attachment = planAttachment(agent, id, query)
    for (const [name, value] of Object.entries(attachment.headers)) response.setHeader(name, value)
    attachContainer(attachment, answeredStream(response, isTty(agent, id)))
    return streamed(response)
  }),
  route('POST', '/exec/{id}/start', async ({ params, query, raw, response }) => {
    const exec = agent.execs.find(params['id'] ?? '')
    const body = await readBody<{ Detach?: boolean }>(raw, { fields: { Detach: 'flag' } })
    if (body.Detach !== true) {
      await startExec(agent, exec.id, query, answeredStream(response, exec.body.Tty === true))
      return streamed(response)
    }
    const watch = agent.traces.find(query.get('trace'))
    await agent.execs.prepare(exec, watch)
    await agent.execs.start(exec, watch)
    return new Status(200)
  }),
]

const isTty = (agent: Agent, id: string) => agent.containers.find(id).record.body.Tty === true

/** The answer was begun, and ends with the stream. */
const streamed = (response: ServerResponse): Promise<undefined> =>
  new Promise((resolve) => response.once('close', () => resolve(undefined)))
