/**
 * One GET on node-fetch with what a registry needs around it: our own redirects (so that credentials stay with the
 * host they are for), a limit on silence instead of one on the whole, and bodies that are bounded or streamed.
 */
import type { Agent } from 'node:http'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { checkUrl, lookupPublic } from './url.ts'

export interface Timeouts {
  /** Milliseconds until the head of an answer is there, connecting included. */
  readonly answerMs: number
  /** Milliseconds between two pieces of a body. */
  readonly idleMs: number
}

export const DEFAULT_TIMEOUTS: Timeouts = { answerMs: 30_000, idleMs: 30_000 }

export interface Answer {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** Read it, or `discard` the answer: else the connection stays open. */
  readonly body: AsyncGenerator<Uint8Array, undefined>
}

export interface Get {
  readonly url: URL
  /** As the user knows it, for sentences and for the rules of checkUrl. */
  readonly registry: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

const REDIRECT_LIMIT = 5

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'connection reset',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
}

const describe = (error: unknown): string => {
  const code = errnoOf(error)
  if (code !== undefined) return ERRNO_WORDS[code] === undefined ? code : `${code} (${ERRNO_WORDS[code]})`
  return error instanceof Error ? error.message : String(error)
}

/** Keeps connections for the blobs that follow a manifest; idle ones do not keep the process. */
export class HttpClient {
  readonly #timeouts: Timeouts
  #agents: Promise<{ 'http:': Agent; 'https:': Agent }> | undefined

  constructor(timeouts: Partial<Timeouts> = {}) {
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...timeouts }
  }

  /** @throws Failure `registry.unreachable`, `registry.timeout`, `registry.redirect`, `registry.url`. */
  async get({ url, registry, headers, signal }: Get): Promise<Answer> {
    let at = checkUrl(url, registry)
    for (let hop = 0; hop <= REDIRECT_LIMIT; hop++) {
      const { authorization: _secret, ...open } = headers
      const answer = await this.#once(at, registry, at.origin === url.origin ? headers : open, signal)
      if (![301, 302, 303, 307, 308].includes(answer.status)) return answer
      await discard(answer)
      const location = answer.header('location') ?? ''
      if (location === '' || !URL.canParse(location, at.href)) {
        throw new Failure(`registry ${registry} redirects to nowhere`, { id: 'registry.redirect' })
      }
      at = checkUrl(new URL(location, at), registry)
    }
    throw new Failure(`registry ${registry} redirects more than ${REDIRECT_LIMIT} times`, { id: 'registry.redirect' })
  }

  async close(): Promise<void> {
    const agents = await this.#agents
    agents?.['http:'].destroy()
    agents?.['https:'].destroy()
  }

  async #once(
    url: URL,
    registry: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const { default: fetch } = await import('node-fetch')
    const agents = await (this.#agents ??= openAgents())
    const { answerMs, idleMs } = this.#timeouts
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), answerMs)
    const stop = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal])
    try {
      const response = await fetch(url, {
        redirect: 'manual',
        compress: false,
        agent: agents[url.protocol as 'http:' | 'https:'],
        headers: { ...headers, 'user-agent': 'glasspod', 'accept-encoding': 'identity' },
        signal: stop,
      })
      // An abort after the body was read emits one more error on it, which would otherwise be uncaught.
      response.body?.on('error', () => undefined)
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: readBody(response.body as AsyncIterable<Uint8Array> | null, { registry, idleMs, silence, signal }),
      }
    } catch (error) {
      if (signal?.aborted === true) throw cancelled()
      if (silence.signal.aborted) throw silent(registry, answerMs)
      throw new Failure(`registry ${registry} cannot be reached: ${describe(error)}`, {
        id: 'registry.unreachable',
        found: `asked ${url.protocol}//${url.host}`,
        try: errnoOf(error) === 'ECONNREFUSED' ? 'is the registry running, and is this its port' : undefined,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

const openAgents = async () => {
  const [http, https] = await Promise.all([import('node:http'), import('node:https')])
  const options = { keepAlive: true, lookup: lookupPublic }
  return { 'http:': new http.Agent(options), 'https:': new https.Agent(options) }
}

const cancelled = (): Failure => new Failure('the transfer was cancelled', { id: 'registry.cancelled' })

const silent = (registry: string, ms: number): Failure =>
  new Failure(`registry ${registry} is silent: nothing came for ${ms / 1000} s`, { id: 'registry.timeout' })

interface Reading {
  readonly registry: string
  readonly idleMs: number
  readonly silence: AbortController
  readonly signal: AbortSignal | undefined
}

async function* readBody(
  body: AsyncIterable<Uint8Array> | null,
  { registry, idleMs, silence, signal }: Reading,
): AsyncGenerator<Uint8Array, undefined> {
  const chunks = body?.[Symbol.asyncIterator]()
  if (chunks === undefined) return
  try {
    for (;;) {
      // Only waiting for the network counts as silence, not a consumer that is slow.
      const timer = setTimeout(() => silence.abort(), idleMs)
      const next = await chunks.next().finally(() => clearTimeout(timer))
      if (next.done === true) return
      yield next.value
    }
  } catch (error) {
    if (signal?.aborted === true) throw cancelled()
    if (silence.signal.aborted) throw silent(registry, idleMs)
    throw new Failure(`registry ${registry} broke off the transfer: ${describe(error)}`, { id: 'registry.interrupted' })
  } finally {
    silence.abort()
    await chunks.return?.()
  }
}

/** The whole body when it has at most `limit` bytes. @throws Failure `registry.size`. */
export const readAll = async ({ body }: Answer, limit: number, what: string): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new Failure(`${what} has more than ${limit} bytes`, { id: 'registry.size' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const DISCARD_LIMIT = 64 * 1024

/** Reads a short body so that its connection can serve again, and drops the connection of a long one. */
export const discard = async (answer: Answer): Promise<void> => {
  await readAll(answer, DISCARD_LIMIT, 'body').catch(() => undefined)
}
