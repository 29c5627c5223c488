/**
 * Answers to a 401. Bearer: the registry names a realm, which gives a token for a scope (distribution's token
 * specification, as Docker Hub, ghcr.io and quay.io speak it), to nobody in particular or for a login. Basic: the login
 * itself (RFC 7617). Tokens are kept by scope until shortly before they end.
 */
import { createHash } from 'node:crypto'
import { Failure } from '../../runtime/errors.ts'
import { parseDocument } from '../document.ts'
import { readDenial } from './answer.ts'
import { parseChallenges, type Challenge } from './challenge.ts'
import type { Credentials } from './credential-helper.ts'
import { readAll, type Answer, type HttpClient } from './http.ts'
import type { Endpoint } from './url.ts'

const TOKEN_LIMIT = 1024 * 1024
/** Seconds a token lives when the answer does not say (token specification). */
const DEFAULT_LIFE = 60
/** Seconds before its end that a token is no longer used. */
const MARGIN = 10
/** A longer one is not believed. */
const LONGEST_LIFE = 24 * 3600

export interface Token {
  readonly header: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** May outlive a pull: what it holds is found again only by who has the same login. */
export type TokenCache = Map<string, Promise<Token>>

export interface Scope {
  readonly endpoint: Endpoint
  /** Empty for none: a login is tried out. */
  readonly repository: string
  readonly actions: 'pull' | 'pull,push'
}

interface Unauthorized {
  /** The WWW-Authenticate header. */
  readonly challenge: string
  /** The Authorization header that was refused, if one was sent. */
  readonly refused: string | undefined
  readonly signal?: AbortSignal | undefined
}

export type FindCredentials = (host: string, repository: string) => Promise<Credentials | undefined>

const basic = ({ username, password }: Credentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`

const formatScope = ({ repository, actions }: Scope): string =>
  repository === '' ? '' : `repository:${repository}:${actions}`

const isGood = ({ expires }: Token): boolean => expires > Date.now()

export class Authorizer {
  readonly #http: HttpClient
  readonly #find: FindCredentials
  readonly #cache: TokenCache
  /** Header by host and scope: what served last in this session. */
  readonly #served = new Map<string, Token>()
  readonly #logins = new Map<string, Promise<Credentials | undefined>>()

  constructor(
    http: HttpClient,
    { find, cache = new Map() }: { find: FindCredentials; cache?: TokenCache | undefined },
  ) {
    this.#http = http
    this.#find = find
    this.#cache = cache
  }

  /** The Authorization header that served this scope last, if it is still good. */
  known(scope: Scope): string | undefined {
    const token = this.#served.get(`${scope.endpoint.host} ${formatScope(scope)}`)
    return token !== undefined && isGood(token) ? token.header : undefined
  }

  /**
   * Answers a 401, with the token that another request of this scope got meanwhile if there is one.
   * @throws Failure `registry.denied`, `registry.credentials`, `registry.helper`, and what HttpClient throws.
   */
  async answer(scope: Scope, { challenge, refused, signal }: Unauthorized): Promise<string> {
    const { host } = scope.endpoint
    const credentials = await this.#login(host, scope.repository)
    const challenges = parseChallenges(challenge)
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
    const token =
      bearer === undefined
        ? answerBasic(scope, challenges, credentials)
        : await this.#token(scope, { bearer, credentials, refused, signal })
    this.#served.set(`${host} ${formatScope(scope)}`, token)
    return token.header
  }

  #login(host: string, repository: string): Promise<Credentials | undefined> {
    const key = `${host}/${repository}`
    const known = this.#logins.get(key) ?? this.#find(host, repository)
    this.#logins.set(key, known)
    return known
  }

  async #token(
    scope: Scope,
    {
      bearer,
      credentials,
      refused,
      signal,
    }: Omit<Unauthorized, 'challenge'> & { bearer: Challenge; credentials: Credentials | undefined },
  ): Promise<Token> {
    const who = createHash('sha256')
      .update(JSON.stringify(credentials ?? null))
      .digest('hex')
    const key = `${scope.endpoint.host} ${formatScope(scope)} ${who}`
    const known = await this.#cache.get(key)?.catch(() => undefined)
    if (known !== undefined && isGood(known) && known.header !== refused) return known
    const token = this.#fetch(scope, bearer, credentials, signal)
    this.#cache.set(key, token)
    // A refused one must not be handed on.
    token.catch(() => this.#cache.get(key) === token && this.#cache.delete(key))
    return token
  }

  async #fetch(scope: Scope, bearer: Challenge, credentials?: Credentials, signal?: AbortSignal): Promise<Token> {
    const answer = await this.#askRealm(scope, bearer, credentials, signal)
    const { host } = scope.endpoint
    const sentence = `registry ${host} gives no token for ${scope.repository === '' ? 'this login' : scope.repository}`
    if (answer.status !== 200) {
      throw new Failure(sentence, {
        id: 'registry.denied',
        found: `${answer.url.host} answered ${answer.status}${await readDenial(answer)}`,
        try: credentials === undefined ? `glasspod login ${host}` : `glasspod login ${host}, with the right password`,
        status: answer.status === 401 || answer.status === 403 ? 403 : 502,
      })
    }
    const { fields } = parseDocument(await readAll(answer, TOKEN_LIMIT, 'token'), `token of ${answer.url.host}`)
    const text = fields['token'] ?? fields['access_token']
    if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
      throw new Failure(sentence, { id: 'registry.denied', found: `the answer of ${answer.url.host} has none` })
    }
    const life = typeof fields['expires_in'] === 'number' ? Math.min(fields['expires_in'], LONGEST_LIFE) : DEFAULT_LIFE
    return { header: `Bearer ${text}`, expires: Date.now() + Math.max(life - MARGIN, 1) * 1000 }
  }

  /** An identity token is exchanged by OAuth's form (distribution's oauth.md), all else asked for with GET. */
  #askRealm(scope: Scope, bearer: Challenge, credentials?: Credentials, signal?: AbortSignal): Promise<Answer> {
    const { endpoint } = scope
    const realm = bearer.parameters['realm'] ?? ''
    if (!URL.canParse(realm)) throw noScheme(scope, 'its Bearer challenge has no realm')
    const url = new URL(realm)
    const { service } = bearer.parameters
    const asked = {
      ...(service !== undefined && { service }),
      ...(scope.repository !== '' && { scope: formatScope(scope) }),
    }
    if (credentials?.identityToken !== undefined) {
      const form = {
        ...asked,
        grant_type: 'refresh_token',
        client_id: 'glasspod',
        refresh_token: credentials.identityToken,
      }
      const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
      const body = Buffer.from(new URLSearchParams(form).toString())
      return this.#http.send({ method: 'POST', url, endpoint, headers, body, signal })
    }
    // Our own scope, not the one that the challenge asks for: never more than this repository.
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    if (credentials !== undefined) url.searchParams.set('account', credentials.username)
    const headers = {
      accept: 'application/json',
      ...(credentials !== undefined && { authorization: basic(credentials) }),
    }
    return this.#http.send({ url, endpoint, headers, signal })
  }
}

const noScheme = ({ endpoint: { host }, repository }: Scope, found: string): Failure =>
  new Failure(`registry ${host} wants a login${repository === '' ? '' : ` for ${repository}`}`, {
    id: 'registry.denied',
    found,
    try: `glasspod login ${host}`,
    status: 403,
  })

const answerBasic = (scope: Scope, challenges: readonly Challenge[], credentials: Credentials | undefined): Token => {
  const schemes = challenges.map(({ scheme }) => scheme)
  if (!schemes.includes('basic')) {
    throw noScheme(scope, schemes.length === 0 ? 'no scheme that can be read' : `it offers ${schemes.join(', ')}`)
  }
  if (credentials === undefined) throw noScheme(scope, 'no login for it is known here')
  return { header: basic(credentials), expires: Infinity }
}
