/**
 * Whose logins and settings a transfer uses: those of the caller, who says them in headers, else the agent's own.
 * X-Registry-Auth is docker's (base64url of a login), glasspod-logins has those of mirrors; glasspod-settings names the
 * caller's configuration files.
 */
import type { IncomingMessage } from 'node:http'
import type { HostLogin, Registry } from '../../images/registry/registry.ts'
import type { Settings } from '../../images/registry/settings.ts'
import type { TokenCache } from '../../images/registry/auth.ts'
import type { RegistriesConf } from '../../images/registry/registries-conf.ts'
import { Failure } from '../errors.ts'
import { isTrue } from './api/query.ts'

/** Tokens outlive a transfer: the next one of the same login begins with them. */
const tokens: TokenCache = new Map()

interface Login {
  username?: unknown
  password?: unknown
  identitytoken?: unknown
  serveraddress?: unknown
}

const decode = (raw: IncomingMessage, name: string): Record<string, unknown> | undefined => {
  const header = raw.headers[name]
  if (typeof header !== 'string' || header === '') return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw new Failure(`the header ${name} is not base64url of a JSON object`, { id: 'api.header', status: 400 })
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export const readSettings = (raw: IncomingMessage): Settings => {
  const given = decode(raw, 'glasspod-settings') ?? {}
  return {
    env: { ...process.env, ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, text(value)])) },
  }
}

/** registries.conf of the caller; with `tls-verify=0` any certificate will do, and plain HTTP. */
export const readConf = async (settings: Settings, query: URLSearchParams): Promise<RegistriesConf> => {
  const { readRegistriesConf } = await import('../../images/registry/read-registries-conf.ts')
  const verify = query.get('tls-verify') ?? '1'
  return { ...(await readRegistriesConf(settings)), insecure: !isTrue(verify) }
}

/** @param host whom the login is for, when it does not say so. */
export const openRegistry = async (raw: IncomingMessage, host: string): Promise<Registry> => {
  const { Registry } = await import('../../images/registry/registry.ts')
  const { hostOfServer } = await import('../../images/registry/credentials.ts')
  const toLogins = (given: Login | undefined): HostLogin[] => {
    const [username, password, identityToken] = [
      text(given?.username),
      text(given?.password),
      text(given?.identitytoken),
    ]
    const server = text(given?.serveraddress)
    const login = { host: server === '' ? host : hostOfServer(server), username, password }
    if (identityToken !== '') return [{ ...login, identityToken }]
    return username === '' ? [] : [login]
  }
  const others = decode(raw, 'glasspod-logins')?.['logins']
  const given: (Login | undefined)[] = [
    decode(raw, 'x-registry-auth'),
    ...(Array.isArray(others) ? (others as Login[]) : []),
  ]
  return new Registry({ settings: readSettings(raw), tokens, logins: given.flatMap(toLogins) })
}
