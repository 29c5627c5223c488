/** The API's plumbing: routes, JSON, failures with their facts. Nothing here knows what a container is. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Failure, isFailure } from '../errors.ts'
import { checkShape, type Shape } from '../spec/shape.ts'

export interface Request {
  raw: IncomingMessage
  response: ServerResponse
  /** Parts of the path by their name in the route: {id}. */
  params: Record<string, string>
  query: URLSearchParams
}

/** What it returns is sent as JSON; undefined: 204, or that the answer was sent already. */
export type Answer = (request: Request) => unknown

export interface Route {
  method: string
  pattern: RegExp
  answer: Answer
}

const MAX_BODY = 4 * 1024 * 1024

export const checkLength = (length: number): void => {
  if (length > MAX_BODY)
    throw new Failure(`the request body is over ${MAX_BODY} bytes`, { id: 'api.body', status: 413 })
}

/** route('GET', '/containers/{id}/json', ...): a name takes what has no slash, {name*} everything. */
export const route = (method: string, path: string, answer: Answer): Route => ({
  method,
  pattern: new RegExp(
    `^(?:/v[0-9.]+)?${path.replace(/\{(\w+)(\*?)\}/g, (_, name: string, all: string) => `(?<${name}>${all === '' ? '[^/]+' : '.+'})`)}$`,
  ),
  answer,
})

/** The body as JSON, of this form; {} where there is none. */
export const readBody = async <T>(raw: IncomingMessage, shape: Shape): Promise<T> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    length += chunk.length
    checkLength(length)
    chunks.push(chunk)
  }
  return parseBody<T>(Buffer.concat(chunks), shape)
}

export const parseBody = <T>(bytes: Buffer, shape: Shape): T => {
  const body = parseObject<T>(bytes)
  checkShape(body, shape)
  return body
}

const parseObject = <T>(bytes: Buffer): T => {
  if (bytes.length === 0) return {} as T
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (typeof value === 'object' && value !== null) return value as T
  } catch {
    // said below
  }
  throw new Failure('the request body is not a JSON object', { id: 'api.body', status: 400 })
}

/** What a client is told of an error: the sentence and its facts; a bug is told as one, and its stack is logged. */
export const describeError = (error: unknown): { status: number; body: Record<string, unknown> } => {
  if (isFailure(error)) {
    const { status = 500, ...facts } = error.facts
    return { status, body: { message: error.message, ...facts } }
  }
  console.error(error)
  const message = error instanceof Error ? error.message : String(error)
  return {
    status: 500,
    body: { message: `internal: ${message}`, why: 'this is a bug of glasspod', see: 'agent.log in the root directory' },
  }
}

export const sendJson = (response: ServerResponse, status: number, value: unknown): void => {
  const text = `${JSON.stringify(value)}\n`
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** A status with a body: created(201, {...}). */
export class Status {
  readonly code: number
  readonly body: unknown
  constructor(code: number, body?: unknown) {
    this.code = code
    this.body = body
  }
}

const parseUrl = (text: string): { url: URL; path: string } => {
  try {
    const url = new URL(`http://agent${text}`)
    return { url, path: decodeURIComponent(url.pathname) }
  } catch {
    throw new Failure(`malformed path ${JSON.stringify(text)}`, { id: 'api.path', status: 400 })
  }
}

export const serve = async (
  routes: readonly Route[],
  raw: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  try {
    const { url, path } = parseUrl(raw.url ?? '/')
    const match = routes
      .map(({ method, pattern, answer }) => ({ method, answer, found: pattern.exec(path) }))
      .find(({ method, found }) => method === raw.method && found !== null)
    if (match === undefined)
      throw new Failure(`the API has no ${raw.method} ${path}`, { id: 'api.route', status: 404, see: 'docs/api.md' })
    const result = await match.answer({ raw, response, params: { ...match.found?.groups }, query: url.searchParams })
    if (response.headersSent || response.writableEnded || raw.socket.destroyed) return
    if (result instanceof Status) {
      if (result.body === undefined) response.writeHead(result.code).end()
      else sendJson(response, result.code, result.body)
    } else if (result === undefined) response.writeHead(204).end()
    else sendJson(response, 200, result)
  } catch (error) {
    const { status, body } = describeError(error)
    if (response.headersSent) response.end()
    else sendJson(response, status, body)
  }
}
