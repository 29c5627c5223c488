/**
 * The caller's logins, as docker sends them along (X-Registry-Auth), and where its settings are. Root becomes another
 * user on its way to the agent, who cannot read them: for root the files are read before.
 */
import { readFileSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import type { Query } from './client.ts'
import { badFlag } from './options.ts'
import { printError } from './output.ts'
import { printableLines } from './table.ts'
import { Failure, isFailure } from '../errors.ts'
import type { RegistryPlace } from '../../images/registry/credentials.ts'
import type { Transport } from '../../images/transport.ts'
import type { LoginFile } from '../../images/registry/login-file.ts'
import { authFiles, loginFile, SETTING_NAMES, type Settings } from '../../images/registry/settings.ts'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The agent has another working directory. */
const resolveSetting = (name: string, text: string): string => {
  if (text === '') return text
  // an empty entry is the working directory too
  return name === 'PATH'
    ? text
        .split(delimiter)
        .map((entry) => resolve(entry))
        .join(delimiter)
    : resolve(text)
}

/** As docker's API has it. */
interface Login {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly identitytoken?: string | undefined
  readonly serveraddress: string
}

const placeOf = async (name: string): Promise<RegistryPlace> => {
  const { parseReference } = await import('../../images/reference.ts')
  const { registry, repository } = parseReference(name)
  return { host: registry, repository }
}

/** Whoever answers without a login may still be asked. */
const warn =
  ({ host }: RegistryPlace) =>
  (error: unknown): undefined => {
    const { message, facts } = isFailure(error) ? error : new Failure(String(error), { id: 'registry.credentials' })
    const why = facts.found === undefined ? '' : `: ${facts.found}`
    printError(printableLines(`warning: no login for ${host}: ${message}${why}`))
  }

export interface Logins {
  /** For the agent, of the caller's settings. */
  readonly headers: Record<string, string>
  /** The same, with the login for the registry of this name. @throws {Failure} `image.reference` */
  forPush(name: string): Promise<Record<string, string>>
  /** The same, with logins for all whom a pull of this name may ask. @throws {Failure} `cli.flag` for --creds of several */
  forPull(name: string): Promise<Record<string, string>>
  /** What login and logout change. */
  openFile(): Promise<LoginFile>
}

const readKept = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/** Not told back: half of it may be a password. */
const parseCreds = (creds: string): { username: string; password: string } => {
  const colon = creds.indexOf(':')
  if (colon > 0) return { username: creds.slice(0, colon), password: creds.slice(colon + 1) }
  throw badFlag('--creds is not USER:PASSWORD', 'glasspod login, which asks for the password')
}

/** What is said of a registry means nothing elsewhere. @throws {Failure} `cli.flag` */
export const assertRegistry = (
  { transport }: Transport,
  { authfile, creds, tlsVerify }: Record<'authfile' | 'creds' | 'tlsVerify', string | undefined>,
): void => {
  const given = { '--authfile': authfile, '--creds': creds, '--tls-verify': tlsVerify }
  const flag = Object.entries(given).find(([, value]) => value !== undefined)?.[0]
  if (transport === 'docker' || flag === undefined) return
  throw badFlag(`${flag} is for a registry, not for ${transport}:`, `the same without ${flag}`)
}

/** What tls-verify is in a query; nothing where it was not said. */
export const verifyQuery = (tlsVerify: string | undefined): Query =>
  tlsVerify === undefined ? {} : { 'tls-verify': tlsVerify }

/** Call it before the agent is reached. @param authFile --authfile @param creds --creds */
export const openLogins = (authFile?: string, creds?: string): Logins => {
  const named = creds === undefined ? undefined : parseCreds(creds)
  const env: Settings['env'] = { ...process.env, ...(authFile !== undefined && { REGISTRY_AUTH_FILE: authFile }) }
  const settings: Settings = { env }
  const isRoot = process.getuid?.() === 0
  const kept = new Map(isRoot ? authFiles(settings).map((path) => [path, readKept(path)]) : [])
  const given = Object.fromEntries(
    // Root's home is nobody else's: of root's settings only the files that it names count.
    SETTING_NAMES.filter((name) => !isRoot || /^(?:REGISTRY_AUTH_FILE|CONTAINERS_REGISTRIES_CONF)$/.test(name)).flatMap(
      (name) => (env[name] === undefined ? [] : [[name, resolveSetting(name, env[name])]]),
    ),
  )
  const headers = { 'glasspod-settings': encode(given) }
  const read = async (path: string) => {
    const { readAuthFile, parseAuthFile } = await import('../../images/registry/credentials.ts')
    const bytes = kept.get(path)
    return bytes === undefined ? readAuthFile(path) : parseAuthFile(bytes, path)
  }
  const findKept = async ({ host, repository }: RegistryPlace): Promise<Login | undefined> => {
    const { findCredentials, serverKey } = await import('../../images/registry/credentials.ts')
    const found = await findCredentials(settings, host, repository, read)
    const { username, password, identityToken: identitytoken } = found ?? {}
    return found && { username, password, identitytoken, serveraddress: serverKey(host) }
  }
  const findFor = async (place: RegistryPlace): Promise<Login | undefined> => {
    const { serverKey } = await import('../../images/registry/credentials.ts')
    return named === undefined ? findKept(place) : { ...named, serveraddress: serverKey(place.host) }
  }
  const withLogins = (found: readonly (Login | undefined)[]): Record<string, string> => {
    const [login, ...logins] = found.filter((one) => one !== undefined)
    return {
      ...headers,
      ...(login !== undefined && { 'x-registry-auth': encode(login) }),
      ...(logins.length > 0 && { 'glasspod-logins': encode({ logins }) }),
    }
  }
  return {
    headers,
    forPush: async (name) => withLogins([await findFor(await placeOf(name))]),
    async forPull(name) {
      const asItSays = await placeOf(name)
      // Where the name may lead to the agent finds out by itself; but not in files of root.
      if (named === undefined && !isRoot) return withLogins([await findFor(asItSays)])
      const { listPlaces } = await import('../../images/registry/credentials.ts')
      const { registries, mirrors } = await listPlaces(name, isRoot ? { env: given } : settings)
      const [first = asItSays, ...further] = registries
      if (named !== undefined && further.length > 0) {
        const hosts = registries.map(({ host }) => host).join(', ')
        throw badFlag(
          `--creds is for one registry, and ${name} may be in ${hosts}`,
          `glasspod pull --creds USER:PASSWORD ${first.host}/${name}`,
        )
      }
      const others = isRoot ? [...further, ...mirrors].filter(({ host }) => host !== first.host) : []
      return withLogins([
        await findFor(first),
        ...(await Promise.all(others.map((other) => findKept(other).catch(warn(other))))),
      ])
    },
    async openFile() {
      const { openLoginFile } = await import('../../images/registry/login-file.ts')
      return openLoginFile(loginFile(settings), settings, isRoot)
    },
  }
}
