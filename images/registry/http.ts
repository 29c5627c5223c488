/**
 * One exchange on node-fetch with what a registry needs around it: our own redirects (so that credentials stay with
 * the host they are for), a bound on silence, on slowness and on the whole, and bodies that are bounded or streamed.
 */
import { Failure, errnoOf, isFailure } from '../../runtime/errors.ts'
import { watched } from '../silence.ts'
import { Connections } from './connections.ts'
import type { Settings } from './settings.ts'
import { checkUrl, isOwn, LOCAL_ADDRESS, type Endpoint } from './url.ts'

export interface Timeouts {
  /** Milliseconds until the head of an answer is there, connecting included. */
  readonly answerMs: number
  /** Milliseconds of waiting in which at least SLOWEST bytes of a body have to come. */
  readonly idleMs: number
  /** Milliseconds for the whole of a small document: a manifest, a token, an error. */
  readonly documentMs: number
}

export const DEFAULT_TIMEOUTS: Timeouts = { answerMs: 30_000, idleMs: 30_000, documentMs: 60_000 }
/** Bytes; less than this in `idleMs` is as good as nothing. */
const SLOWEST = 1024

export interface Answer {
  readonly status: number
  /** Where it came from, after redirects. */
  readonly url: URL
  readonly header: (name: string) => string | undefined
  /** Read it, or `discard` the answer: else the connection stays open. */
  readonly body: AsyncGenerator<Uint8Array, undefined>
  readonly documentMs: number
}

export interface Exchange {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  /** Who is asked, for sentences and for the rules of checkUrl. */
  readonly endpoint: Endpoint
  readonly headers: Readonly<Record<string, string>>
  /** Bytes, or what makes a stream of them. */
  readonly body?: Buffer | (() => AsyncIterable<Uint8Array>)
  readonly signal?: AbortSignal | undefined
}

const REDIRECT_LIMIT = 5
const REDIRECTS = [301, 302, 303, 307, 308]

const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'no answer',
  [LOCAL_ADDRESS]: 'its name leads only to this machine or its link',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  EPROTO: 'it does not speak TLS',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an authority that is not known here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'it refuses the TLS handshake',
}

const describe = (error: unknown): string => {
  const code = errnoOf(error)
  if (code !== undefined) return ERRNO_WORDS[code] === undefined ? code : `${code} (${ERRNO_WORDS[code]})`
  return error instanceof Error ? error.message : String(error)
}

const isOfCertificates = (code: string | undefined): boolean => code !== undefined && /CERT|VERIFY|ALTNAME/.test(code)

/** TLS was spoken, and a certificate was not good enough for one of the two sides. */
export const isUntrusted = (error: unknown): boolean =>
  isFailure(error) && error.facts.id === 'registry.unreachable' && isOfCertificates(errnoOf(error.cause))

const hintFor = (code: string | undefined, { host }: Endpoint): string | undefined => {
  if (code === 'ECONNREFUSED') return 'is the registry running, and is this its port'
  if (code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    return `NAME.cert and NAME.key in /etc/containers/certs.d/${host}`
  return isOfCertificates(code) ? `its authority's certificate as /etc/containers/certs.d/${host}/ca.crt` : undefined
}

export class HttpClient {
  readonly timeouts: Timeouts
  readonly #connections: Connections

  constructor(settings: Settings, timeouts: Partial<Timeouts> = {}) {
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...timeouts }
    this.#connections = new Connections(settings)
  }

  /** Follows redirects of GET and HEAD. @throws Failure `registry.unreachable|reset|timeout|redirect|url|certificate`. */
  async send(exchange: Exchange): Promise<Answer> {
    const { url, endpoint, headers, method = 'GET' } = exchange
    let at = checkUrl(url, endpoint)
    for (let hop = 0; hop <= REDIRECT_LIMIT; hop++) {
      const { authorization: _secret, ...open } = headers
      const answer = await this.#once({ ...exchange, url: at, headers: at.origin === url.origin ? headers : open })
      if (!REDIRECTS.includes(answer.status) || (method !== 'GET' && method !== 'HEAD')) return answer
      await discard(answer)
      const location = answer.header('location') ?? ''
      if (location === '' || !URL.canParse(location, at.href)) {
        throw new Failure(`registry ${endpoint.host} redirects to nowhere`, { id: 'registry.redirect' })
      }
      at = checkUrl(new URL(location, at), endpoint)
    }
    throw new Failure(`registry ${endpoint.host} redirects more than ${REDIRECT_LIMIT} times`, {
      id: 'registry.redirect',
    })
  }

  async close(): Promise<void> {
    await this.#connections.close()
  }

  async #once({ url, endpoint, headers, method = 'GET', body, signal }: Exchange): Promise<Answer> {
    const own = isOwn(url, endpoint)
    const host = own ? endpoint.host : url.host
    const [{ default: fetch }, agent] = await Promise.all([
      import('node-fetch'),
      this.#connections.agentFor({ url, host, insecure: endpoint.insecure, isOwn: own }),
    ])
    const { answerMs, idleMs, documentMs } = this.timeouts
    const silence = new AbortController()
    const stop = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal])
    // An upload may last as long as it moves: the clock runs from the last piece that was taken.
    let timer = setTimeout(() => silence.abort(), answerMs)
    const moved = (): void => {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), answerMs)
    }
    try {
      const { Readable } = typeof body === 'function' ? await import('node:stream') : {}
      const sent = typeof body === 'function' ? Readable?.from(watched(body(), moved), { objectMode: false }) : body
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        compress: false,
        agent,
        headers: { ...headers, 'user-agent': `glasspod`, 'accept-encoding': 'identity' },
        signal: stop,
        ...(sent !== undefined && { body: sent }),
      })
      // An abort after the body was read emits one more error on it, which would otherwise be uncaught.
      response.body?.on('error', () => undefined)
      return {
        status: response.status,
        url,
        header: (name) => response.headers.get(name) ?? undefined,
        body: readBody(response.body as AsyncIterable<Uint8Array> | null, { endpoint, idleMs, silence, signal }),
        documentMs,
      }
    } catch (error) {
      if (signal?.aborted === true) throw cancelled()
      if (silence.signal.aborted) throw silent(endpoint, answerMs)
      const code = errnoOf(error)
      throw new Failure(
        `registry ${endpoint.host} cannot be reached: ${describe(error)}`,
        {
          id: code === 'ECONNRESET' || code === 'EPIPE' ? 'registry.reset' : 'registry.unreachable',
          found: `asked ${url.protocol}//${url.host}`,
          try: hintFor(code, endpoint),
        },
        { cause: error },
      )
    } finally {
      clearTimeout(timer)
    }
  }
}

const cancelled = (): Failure => new Failure('the transfer was cancelled', { id: 'registry.cancelled' })

const silent = ({ host }: Endpoint, ms: number): Failure =>
  new Failure(`registry ${host} is silent: nothing came for ${ms / 1000} s`, { id: 'registry.timeout' })

interface Reading {
  readonly endpoint: Endpoint
  readonly idleMs: number
  readonly silence: AbortController
  readonly signal: AbortSignal | undefined
}

async function* readBody(
  body: AsyncIterable<Uint8Array> | null,
  { endpoint, idleMs, silence, signal }: Reading,
): AsyncGenerator<Uint8Array, undefined> {
  const chunks = body?.[Symbol.asyncIterator]()
  if (chunks === undefined) return
  let waitedMs = 0
  let came = 0
  try {
    for (;;) {
      // Only waiting for the network counts, not a consumer that is slow; and a drip is no flow.
      const since = performance.now()
      const timer = setTimeout(() => silence.abort(), Math.max(0, idleMs - waitedMs))
      const next = await chunks.next().finally(() => clearTimeout(timer))
      if (next.done === true) return
      waitedMs += performance.now() - since
      came += next.value.length
      if (came >= SLOWEST) [waitedMs, came] = [0, 0]
      yield next.value
    }
  } catch (error) {
    if (signal?.aborted === true) throw cancelled()
    if (silence.signal.aborted) throw silent(endpoint, idleMs)
    throw new Failure(`registry ${endpoint.host} broke off the transfer: ${describe(error)}`, {
      id: 'registry.interrupted',
    })
  } finally {
    silence.abort()
    await chunks.return?.()
  }
}

/** The whole body when it has at most `limit` bytes. @throws Failure `registry.size`, `registry.timeout`. */
export const readAll = async (
  { body, documentMs, url, header }: Answer,
  limit: number,
  what: string,
): Promise<Buffer> => {
  const tooMuch = (): Failure => new Failure(`${what} has more than ${limit} bytes`, { id: 'registry.size' })
  // Said beforehand: not one byte of it is read.
  if (Number(header('content-length') ?? 0) > limit) {
    await body.return(undefined)
    throw tooMuch()
  }
  const chunks: Uint8Array[] = []
  const end = performance.now() + documentMs
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw tooMuch()
    if (performance.now() > end) {
      throw new Failure(`${what} did not come within ${documentMs / 1000} s`, {
        id: 'registry.timeout',
        found: `${size} bytes from ${url.host}`,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const DISCARD_LIMIT = 64 * 1024

/** Reads a short body so that its connection can serve again, and drops the connection of a long one. */
export const discard = async (answer: Answer): Promise<void> => {
  await readAll(answer, DISCARD_LIMIT, 'body').catch(() => undefined)
}
