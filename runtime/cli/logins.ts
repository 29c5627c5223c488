/**
 * The caller's logins, as docker sends them along (X-Registry-Auth), and where its settings are. Root becomes another
 * user on its way to the agent, who cannot read them: for root the files are read before.
 */
import { readFileSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import type { Query } from './client.ts'
import { badFlag } from './options.ts'
import { printError } from './output.ts'
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

const NOWHERE = { registries: [], mirrors: [] }

/** A mirror whose login cannot be had may still answer without. */
const warn =
  ({ host }: RegistryPlace) =>
  (error: unknown): undefined => {
    printError(`warning: no login for ${host}: ${error instanceof Error ? error.message : String(error)}`)
  }

export interface Logins {
  /** For the agent, of the caller's settings. */
  readonly headers: Record<string, string>
  /** The same, with the login for the registry of an image's name. */
  headersFor(image: string): Promise<Record<string, string>>
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
  return {
    headers,
    async headersFor(image) {
      const [{ findCredentials, readAuthFile, parseAuthFile, serverKey, listPlaces }, { parseReference }] =
        await Promise.all([import('../../images/registry/credentials.ts'), import('../../images/reference.ts')])
      const { registry, repository } = parseReference(image)
      const read = (path: string) => {
        const bytes = kept.get(path)
        return bytes === undefined ? readAuthFile(path) : Promise.resolve(parseAuthFile(bytes, path))
      }
      const find = async (asked: RegistryPlace) => {
        const found = await findCredentials(settings, asked.host, asked.repository, read)
        const { username, password, identityToken: identitytoken } = found ?? {}
        return found && { username, password, identitytoken, serveraddress: serverKey(asked.host) }
      }
      const { registries, mirrors } =
        isRoot || named !== undefined ? await listPlaces(image, isRoot ? { env: given } : settings) : NOWHERE
      // --creds is for whatever a short name stands for, and not for mirrors
      const hosts = new Set([registry, ...registries.map(({ host }) => host)])
      const own =
        named === undefined
          ? [await find({ host: registry, repository })]
          : Array.from(hosts, (host) => ({ ...named, serveraddress: serverKey(host) }))
      // What else the name may lead to, the agent finds out by itself; but not in files of root.
      const others = isRoot ? [...registries, ...mirrors].filter(({ host }) => host !== registry) : []
      const further = await Promise.all(others.map((other) => find(other).catch(warn(other))))
      const [login, ...logins] = [...own, ...further].filter((one) => one !== undefined)
      return {
        ...headers,
        ...(login !== undefined && { 'x-registry-auth': encode(login) }),
        ...(logins.length > 0 && { 'glasspod-logins': encode({ logins }) }),
      }
    },
    async openFile() {
      const { openLoginFile } = await import('../../images/registry/login-file.ts')
      return openLoginFile(loginFile(settings), settings, isRoot)
    },
  }
}
