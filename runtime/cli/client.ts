/**
 * The agent's API as this CLI uses it: JSON, lines of JSON, and connections taken over for attach and exec. An
 * answer of 400 and above becomes the Failure that the agent meant; an agent of another build is replaced once.
 */
import type { Socket } from 'node:net'
import { Failure, type FailureFacts, errnoOf } from '../errors.ts'
import { type Answer, type Exchange, TruncatedAnswer, exchange } from './http.ts'

/** As runtime/rootless/start.ts has it; repeated here because that module is loaded only when it is needed. */
const BUILD_HEADER = 'glasspod-build'

/** As runtime/spec/storage-drivers.ts has it. */
const STORAGE_DRIVER_HEADER = 'glasspod-storage-driver'

export type Query = Record<string, string | number | boolean | undefined>

export interface CallOptions {
  query?: Query
  body?: unknown
  headers?: Record<string, string>
}

export interface Link {
  socketPath: string
  /** The build of this CLI; undefined (in tests) takes any agent for its own. */
  buildId?: string | undefined
  /** The one that this CLI was told to use: an agent that runs with another refuses. */
  storageDriver?: string | undefined
  /** Starts an agent where none answers, waits for the one that takes another build's place; returns its socket. */
  awaitAgent?: () => Promise<string>
}

/** A connection that the agent has handed over: bytes both ways until one side ends. */
export interface Hijacked {
  socket: Socket
  output: AsyncGenerator<Buffer>
  headers: ReadonlyMap<string, string>
}

/** The body of an answer as it comes. */
export interface Streamed {
  body: AsyncGenerator<Buffer>
  headers: ReadonlyMap<string, string>
}

/** A name in a path: image names keep their slashes and colons, as docker and dockerode send them. */
export const segment = (name: string): string =>
  encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@')

export const formatQuery = (query: Query): string => {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== false) parameters.set(key, value === true ? '1' : String(value))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

export const readAll = async (body: AsyncIterable<Buffer>): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const FACTS = ['id', 'why', 'found', 'try', 'see'] as const

/** The Failure of the agent, from the JSON of its answer. */
export const parseFailure = (text: string, status: number): Failure => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // below: what is not JSON did not come from the agent's own error path
  }
  const answer = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Record<string, unknown>
  if (typeof answer['message'] !== 'string') {
    return new Failure(`the agent answered ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}`, { status })
  }
  const facts: FailureFacts = { status }
  for (const key of FACTS) if (typeof answer[key] === 'string') facts[key] = answer[key]
  if (typeof answer['exitCode'] === 'number') facts.exitCode = answer['exitCode']
  return new Failure(answer['message'], facts)
}

export class Client {
  #socketPath: string
  readonly #link: Link
  #replaced: Promise<void> | undefined
  #met = false
  /** The stream on which what is asked for is told as it is done (GET /glasspod/trace/NAME). */
  trace: string | undefined
  /** It stops before each step, which this agent alone knows of: no other one goes on with it. */
  isStepped = false

  constructor(link: Link) {
    this.#link = link
    this.#socketPath = link.socketPath
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.#send({ method: 'GET', path: path + formatQuery(query) }).then(readJson)) as T
  }

  async post<T>(path: string, options: CallOptions = {}): Promise<T> {
    return (await this.begin(path, options))() as Promise<T>
  }

  async delete<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.#send({ method: 'DELETE', path: path + formatQuery(query) }).then(readJson)) as T
  }

  /** Resolves when the agent has begun to answer (`wait` is then registered), to what reads the rest. */
  async begin(path: string, { query = {}, body }: CallOptions = {}): Promise<() => Promise<unknown>> {
    const answer = await this.#send({ method: 'POST', path: path + formatQuery(query), body })
    return () => readJson(answer)
  }

  async stream(path: string, query: Query = {}): Promise<Streamed> {
    const answer = await this.#send({ method: 'GET', path: path + formatQuery(query) })
    return { body: readBody(answer), headers: answer.headers }
  }

  /** Sends bytes, which can be sent once only, and reads one JSON value a line. */
  async *upload<T>(path: string, upload: AsyncIterable<Uint8Array>, query: Query = {}): AsyncGenerator<T> {
    await this.meet()
    yield* readLines<T>(await this.#send({ method: 'POST', path: path + formatQuery(query), upload }))
  }

  /** A body as it comes, for a request that says in JSON what it is to be. */
  async download(path: string, body: unknown): Promise<Streamed> {
    await this.meet()
    const answer = await this.#send({ method: 'POST', path, body })
    return { body: readBody(answer), headers: answer.headers }
  }

  /** One JSON value a line, as they come: the progress of a pull. */
  async *lines<T>(
    path: string,
    { query = {}, body, headers = {} }: CallOptions = {},
    method: 'GET' | 'POST' = 'POST',
  ): AsyncGenerator<T> {
    yield* readLines<T>(await this.#send({ method, path: path + formatQuery(query), body, headers }))
  }

  async hijack(path: string, { query = {}, body }: CallOptions = {}): Promise<Hijacked> {
    const answer = await this.#send({ method: 'POST', path: path + formatQuery(query), body, upgrade: true })
    if (answer.status !== 101) throw new Failure(`the agent answered ${answer.status} to POST ${path}, not 101`)
    return { socket: answer.socket, output: readHijacked(answer), headers: answer.headers }
  }

  /** The agent is gone: reaches the next one, starting it. Rejects where none can be started. */
  async renew(): Promise<void> {
    if (this.#link.awaitAgent === undefined) return
    this.#socketPath = await this.#link.awaitAgent()
    this.#met = false
  }

  /** Before several calls at once: an agent of another build is replaced now, not in the middle of them. */
  async meet(): Promise<void> {
    if (!this.#met) await this.#exchange({ method: 'GET', path: '/_ping' }).then(({ body }) => readAll(body))
  }

  async #send(request: Exchange): Promise<Answer> {
    const answer = await this.#exchange(request)
    if (answer.status < 400) return answer
    throw parseFailure((await readAll(readBody(answer))).toString(), answer.status)
  }

  async #exchange(request: Exchange): Promise<Answer> {
    const answer = await this.#once(request)
    if (this.#met) return answer
    this.#met = true
    const build = answer.headers.get(BUILD_HEADER)
    if (build === undefined || this.#link.buildId === undefined || build === this.#link.buildId) return answer
    if (isEnding(request) && answer.status < 400) return answer
    if (mayRepeat(request, answer)) {
      answer.socket.destroy()
      await this.#replaceAgent()
      return this.#once(request)
    }
    // It is done, though by the other build: its answer stands.
    if (answer.status === 101) return answer
    const body = await readAll(answer.body)
    await this.#replaceAgent()
    return { ...answer, body: replay(body) }
  }

  #traced(path: string): string {
    return this.trace === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}trace=${this.trace}`
  }

  async #once(request: Exchange, mayStart = !this.#met): Promise<Answer> {
    const headers = {
      ...(this.#link.buildId === undefined ? {} : { [BUILD_HEADER]: this.#link.buildId }),
      ...(this.#link.storageDriver === undefined ? {} : { [STORAGE_DRIVER_HEADER]: this.#link.storageDriver }),
    }
    try {
      const path = this.#traced(request.path)
      return await exchange(this.#socketPath, { ...request, path, headers: { ...request.headers, ...headers } })
    } catch (error) {
      // Lost before there was an answer: to one that was being killed, and what only reads may be asked again.
      const isHarmless = isRefused(error) || (request.method === 'GET' && isConnectionLost(error))
      if (!mayStart || !isHarmless || this.#link.awaitAgent === undefined) throw nameFailure(error, this.#socketPath)
    }
    this.#socketPath = await this.#link.awaitAgent()
    return this.#once(request, false)
  }

  /** The agent executes itself anew from the files of today; containers do not notice. */
  #replaceAgent(): Promise<void> {
    this.#replaced ??= (async () => {
      const answer = await this.#once({ method: 'POST', path: '/glasspod/agent/reexec' })
      const text = await readAll(answer.body).catch(() => Buffer.alloc(0))
      if (answer.status >= 400) throw parseFailure(text.toString(), answer.status)
      if (this.#link.awaitAgent !== undefined) this.#socketPath = await this.#link.awaitAgent()
    })()
    return this.#replaced
  }
}

/** Then there is no agent whose place another one could take. */
const isEnding = ({ path }: Exchange): boolean => path.startsWith('/glasspod/agent/stop')

/**
 * What only reads, what was refused, a pull (its layers are kept) and an exec that is made and not started (the agent
 * forgets it when it ends) may be sent twice; nothing else.
 */
const mayRepeat = ({ method, path }: Exchange, { status }: Answer): boolean =>
  method === 'GET' || status >= 400 || /^\/images\/create|^\/containers\/[^/]+\/exec(\?|$)/.test(path)

// eslint-disable-next-line @typescript-eslint/require-await -- a body that was read already, in the form of one that was not
async function* replay(body: Buffer): AsyncGenerator<Buffer> {
  yield body
}

async function* readLines<T>(answer: Answer): AsyncGenerator<T> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of readBody(answer)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as T
}

async function* readBody(answer: Answer): AsyncGenerator<Buffer> {
  try {
    yield* answer.body
  } catch (error) {
    throw nameFailure(error, 'its socket')
  } finally {
    closeSoon(answer)
  }
}

/** After what is to be printed: closing costs 0.4 ms, and the exit of this process does it as well. */
const closeSoon = ({ socket }: Answer): void => void setImmediate(() => socket.destroy())

/** A reset is an end here: `yes | glasspod run -i ... head -1` still writes when the other side has closed. */
async function* readHijacked(answer: Answer): AsyncGenerator<Buffer> {
  try {
    yield* answer.body
  } catch (error) {
    if (!isConnectionLost(error)) throw error
  } finally {
    closeSoon(answer)
  }
}

const isConnectionLost = (error: unknown): boolean =>
  error instanceof TruncatedAnswer || ['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '')

const readJson = async (answer: Answer): Promise<unknown> => {
  const text = (await readAll(readBody(answer))).toString()
  return text.trim() === '' ? undefined : JSON.parse(text)
}

const isRefused = (error: unknown): boolean => ['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '')

/** Errors of the connection, as something to act on. */
const nameFailure = (error: unknown, socketPath: string): unknown => {
  const errno = errnoOf(error)
  if (isRefused(error) || errno === 'EACCES') {
    return new Failure(
      `connect to the agent at ${socketPath}: ${errno}`,
      { id: 'agent.connect', try: 'glasspod agent status' },
      { cause: error },
    )
  }
  if (isConnectionLost(error)) {
    return new Failure(
      'the agent closed the connection before its answer was whole',
      { id: 'agent.lost', why: 'it ended or was killed; containers run on', try: 'glasspod ps, which starts it again' },
      { cause: error },
    )
  }
  return error
}
