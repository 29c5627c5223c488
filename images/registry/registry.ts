/**
 * A session with registries: one set of connections, logins and tokens for a pull or a push, and for each endpoint a
 * client that sends a request until it is answered: with the right scheme, a token where one is wanted, and again
 * after a pause where the trouble may pass.
 */
import { toRefusal } from './answer.ts'
import { Authorizer, type Scope, type TokenCache } from './auth.ts'
import { hasCertificates } from './certificates.ts'
import type { Credentials } from './credential-helper.ts'
import { findCredentials } from './credentials.ts'
import { discard, HttpClient, isUntrusted, readAll, type Answer, type Exchange, type Timeouts } from './http.ts'
import {
  DEFAULT_PATIENCE,
  isPassingStatus,
  mayPass,
  parseRetryAfter,
  planPause,
  waitFor,
  type Patience,
} from './retry.ts'
import type { Settings } from './settings.ts'
import { isLocal, originsOf, type Endpoint } from './url.ts'
import { isFailure } from '../../runtime/errors.ts'

export interface HostLogin extends Credentials {
  readonly host: string
}

export interface RegistryOptions {
  readonly timeouts?: Partial<Timeouts>
  readonly patience?: Partial<Patience>
  readonly settings?: Settings
  /** Each for its host, before what the files say (docker's X-Registry-Auth). */
  readonly logins?: readonly HostLogin[]
  /** Outlives the session. */
  readonly tokens?: TokenCache
}

/** A request below `/v2/` of an endpoint. */
export interface Request {
  readonly endpoint: Endpoint
  readonly method?: Exchange['method']
  /** `/v2/library/busybox/manifests/latest`, or where an upload is to go on. */
  readonly path: string | URL
  readonly repository: string
  readonly actions?: Scope['actions']
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Exchange['body']
  readonly signal?: AbortSignal | undefined
}

const WRONG_SCHEME = ['registry.reset', 'registry.unreachable']
const PEEK_LIMIT = 4096

export class Registry {
  readonly patience: Patience
  readonly settings: Settings
  readonly #http: HttpClient
  readonly #authorizer: Authorizer
  readonly #origins = new Map<string, URL>()

  constructor({ timeouts, patience, settings = { env: process.env }, logins = [], tokens }: RegistryOptions = {}) {
    this.settings = settings
    this.patience = { ...DEFAULT_PATIENCE, ...patience }
    this.#http = new HttpClient(settings, timeouts)
    this.#authorizer = new Authorizer(this.#http, {
      cache: tokens,
      find: async (host, repository) =>
        logins.find((login) => login.host === host) ?? findCredentials(settings, host, repository),
    })
  }

  /** The answer with one of the expected statuses. @throws Failure `registry.*` for all else. */
  async expect(request: Request, statuses: readonly number[], object: string): Promise<Answer> {
    const answer = await this.send(request)
    if (statuses.includes(answer.status)) return answer
    throw await toRefusal(answer, request.endpoint.host, object)
  }

  /** Whatever the final answer is. A request with a body that streams is sent once: its sender begins anew. */
  async send(request: Request): Promise<Answer> {
    const { signal, body } = request
    const patience = typeof body === 'function' ? { ...this.patience, retries: 0 } : this.patience
    for (let attempt = 1; ; attempt++) {
      let pause: number | undefined
      try {
        const answer = await this.#authorized(request)
        if (!isPassingStatus(answer.status)) return answer
        const after = parseRetryAfter(answer.header('retry-after'), Date.now())
        pause = planPause(patience, attempt, { after })
        if (pause === undefined) return answer
        await discard(answer)
      } catch (error) {
        pause = mayPass(error) ? planPause(patience, attempt) : undefined
        if (pause === undefined || signal?.aborted === true) throw error
      }
      await waitFor(pause, signal)
    }
  }

  /** Ends the connections that are kept for later. */
  async close(): Promise<void> {
    await this.#http.close()
  }

  async #authorized(request: Request): Promise<Answer> {
    const { endpoint, repository, actions = 'pull', path, signal } = request
    const scope = { endpoint, repository, actions }
    // An upload that goes on elsewhere is another host's: the login stays here.
    const isElsewhere = path instanceof URL && !originsOf(endpoint).some(({ host }) => host === path.host)
    if (isElsewhere) return this.#schemed(request, undefined)
    const used = this.#authorizer.known(scope)
    const answer = await this.#schemed(request, used)
    if (answer.status !== 401) return answer
    await discard(answer)
    const challenge = answer.header('www-authenticate') ?? ''
    return this.#schemed(request, await this.#authorizer.answer(scope, { challenge, refused: used, signal }))
  }

  /** http or https: where both may be, the first that is understood is kept. */
  async #schemed(request: Request, authorization: string | undefined): Promise<Answer> {
    const { endpoint, path, headers, method = 'GET', body, signal } = request
    const send = (url: URL): Promise<Answer> =>
      this.#http.send({
        url,
        endpoint,
        method,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        signal,
        ...(body !== undefined && { body }),
      })
    if (path instanceof URL) return send(path)
    const known = this.#origins.get(endpoint.host)
    if (known !== undefined) return send(new URL(path, known))
    const [first, second] = this.#candidates(endpoint)
    if (first === undefined) throw new Error('an endpoint without an origin')
    let answer: Answer
    try {
      answer = await send(new URL(path, first))
      if (second === undefined || !(await wantsTls(answer))) {
        this.#origins.set(endpoint.host, first)
        return answer
      }
    } catch (error) {
      if (second === undefined || !isFailure(error) || !WRONG_SCHEME.includes(error.facts.id ?? '')) throw error
      // Of two that fail the error of the one that is meant says more, unless the other found TLS there.
      answer = await send(new URL(path, second)).catch((other: unknown) => {
        throw isUntrusted(other) ? other : error
      })
      this.#origins.set(endpoint.host, second)
      return answer
    }
    this.#origins.set(endpoint.host, second)
    return send(new URL(path, second))
  }

  /** A host with certificates of its own speaks TLS, on loopback too. */
  #candidates(endpoint: Endpoint): readonly URL[] {
    const origins = originsOf(endpoint)
    if (!isLocal(endpoint) || endpoint.insecure || !hasCertificates(endpoint.host, this.settings)) return origins
    return origins.filter(({ protocol }) => protocol === 'https:')
  }
}

/** Servers that speak TLS answer plain HTTP with 400 and a sentence (Go's, nginx's, Apache's). */
const wantsTls = async (answer: Answer): Promise<boolean> => {
  if (answer.url.protocol !== 'http:' || answer.status !== 400) return false
  const text = await readAll(answer, PEEK_LIMIT, 'error').catch(() => Buffer.alloc(0))
  return /https/i.test(text.toString('latin1'))
}
