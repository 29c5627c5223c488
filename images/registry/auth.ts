/**
 * Anonymous tokens. A registry that answers 401 names a realm; asking it for a scope gives a bearer token for the
 * requests that follow (distribution's token specification, as Docker Hub, ghcr.io and quay.io speak it).
 */
import { Failure } from '../../runtime/errors.ts'
import { parseChallenges, type Challenge } from './challenge.ts'
import { parseDocument } from '../document.ts'
import { readAll, type HttpClient } from './http.ts'
import { readDenial } from './answer.ts'

const TOKEN_LIMIT = 1024 * 1024
/** Seconds a token lives when the answer does not say (token specification). */
const DEFAULT_LIFE = 60
/** Seconds before its end that a token is no longer used. */
const MARGIN = 10

interface Token {
  readonly header: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

interface Scope {
  readonly registry: string
  readonly repository: string
}

interface Unauthorized {
  /** The WWW-Authenticate header. */
  readonly challenge: string
  /** The Authorization header that was refused, if one was sent. */
  readonly refused: string | undefined
  readonly signal?: AbortSignal | undefined
}

export class Tokens {
  readonly #http: HttpClient
  readonly #cache = new Map<string, Promise<Token>>()

  constructor(http: HttpClient) {
    this.#http = http
  }

  /** The Authorization header that served this repository last, if it is still good. */
  async cached({ registry, repository }: Scope): Promise<string | undefined> {
    const token = await this.#cache.get(`${registry}/${repository}`)?.catch(() => undefined)
    return token !== undefined && token.expires > Date.now() ? token.header : undefined
  }

  /**
   * Answers a 401, with the token that another request of this repository got meanwhile if there is one.
   * @throws Failure `registry.denied`, and what HttpClient throws.
   */
  async answer(scope: Scope, { challenge, refused, signal }: Unauthorized): Promise<string> {
    const key = `${scope.registry}/${scope.repository}`
    const known = await this.cached(scope)
    if (known !== undefined && known !== refused) return known
    const token = this.#fetch(scope, challenge, signal)
    this.#cache.set(key, token)
    try {
      return (await token).header
    } catch (error) {
      if (this.#cache.get(key) === token) this.#cache.delete(key)
      throw error
    }
  }

  async #fetch(scope: Scope, challenge: string, signal?: AbortSignal): Promise<Token> {
    const url = tokenUrl(scope, parseChallenges(challenge))
    const answer = await this.#http.get({
      url,
      registry: scope.registry,
      headers: { accept: 'application/json' },
      signal,
    })
    if (answer.status !== 200) {
      throw new Failure(`registry ${scope.registry} gives no token for ${scope.repository}`, {
        id: 'registry.denied',
        found: `${url.host} answered ${answer.status}${await readDenial(answer)}`,
      })
    }
    const { fields } = parseDocument(await readAll(answer, TOKEN_LIMIT, 'token'), `token of ${url.host}`)
    const text = fields['token'] ?? fields['access_token']
    if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
      throw new Failure(`registry ${scope.registry} gives no token for ${scope.repository}`, {
        id: 'registry.denied',
        found: `the answer of ${url.host} has none`,
      })
    }
    const life = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : DEFAULT_LIFE
    return { header: `Bearer ${text}`, expires: Date.now() + Math.max(life - MARGIN, 1) * 1000 }
  }
}

const tokenUrl = ({ registry, repository }: Scope, challenges: readonly Challenge[]): URL => {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  const realm = bearer?.parameters['realm'] ?? ''
  if (bearer === undefined || !URL.canParse(realm)) {
    const schemes = challenges.map(({ scheme }) => scheme).join(', ')
    throw new Failure(`registry ${registry} wants a login for ${repository}`, {
      id: 'registry.denied',
      why: 'glasspod asks registries anonymously',
      found: schemes === '' ? 'no scheme that can be read' : `it offers ${schemes}`,
    })
  }
  const url = new URL(realm)
  if (bearer.parameters['service'] !== undefined) url.searchParams.set('service', bearer.parameters['service'])
  // Our own scope, not the one that the challenge asks for: never more than reading this repository.
  url.searchParams.set('scope', `repository:${repository}:pull`)
  return url
}
