/**
 * Logins for registries, from the files of docker and podman (containers-auth.json(5); docker's config.json has the
 * same form): base64 of `user:password`, an identity token, or a helper program that keeps it. Pure but for reading.
 */
import { readFile } from 'node:fs/promises'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { optionalObject, optionalString, optionalStringMap, parseDocument, type Document } from '../document.ts'
import { askHelper, type Credentials } from './credential-helper.ts'
import { authFiles, type Settings } from './settings.ts'

/** One file. */
export interface AuthFile {
  readonly auths: Readonly<Record<string, Credentials | undefined>>
  /** Host to the end of the program's name, `docker-credential-*`. */
  readonly helpers: Readonly<Record<string, string>>
  readonly store?: string
}

/** Docker Hub: what docker writes, and what its registry is called here. */
const [HUB_KEY, HUB] = ['https://index.docker.io/v1/', 'docker.io']
const HUB_HOSTS = /^(?:index\.|registry-1\.)?docker\.io(?=\/|$)/

/** What a helper is asked for, and the key of an entry that login writes. */
export const serverKey = (host: string): string => (plainKey(host) === HUB ? HUB_KEY : host)

/** `https://quay.io/v1/` is quay.io; podman's keys may have a path, which narrows them, and may end in v1 too. */
const plainKey = (key: string): string =>
  key
    .replace(/^https?:\/\//, '')
    .replace(/^([^/]+)\/v[12]\/?$/, '$1')
    .replace(/\/$/, '')
    .replace(HUB_HOSTS, HUB)

/** The registry that docker's `serveraddress` means: `https://index.docker.io/v1/` is docker.io. */
export const hostOfServer = (server: string): string => plainKey(server)

const decodeAuth = (text: string, what: string): Credentials => {
  const plain = Buffer.from(text, 'base64').toString('utf8')
  const colon = plain.indexOf(':')
  if (colon > 0) return { username: plain.slice(0, colon), password: plain.slice(colon + 1).replace(/\0+$/, '') }
  throw new Failure(`${what} is not base64 of user:password`, { id: 'registry.credentials', try: 'glasspod login' })
}

const toCredentials = (entry: Document, what: string): Credentials | undefined => {
  const auth = optionalString(entry, 'auth') ?? ''
  const identityToken = optionalString(entry, 'identitytoken') ?? ''
  const username = optionalString(entry, 'username') ?? ''
  const named = { username, password: optionalString(entry, 'password') ?? '' }
  const found = auth !== '' ? decodeAuth(auth, what) : named
  if (found.username === '' && identityToken === '') return undefined
  return { ...found, ...(identityToken !== '' && { identityToken }) }
}

/** Pure. @throws Failure `image.document`, `registry.credentials`. */
export const parseAuthFile = (bytes: Uint8Array, path: string): AuthFile => {
  const document = parseDocument(bytes, path)
  const auths = optionalObject(document, 'auths')
  const store = optionalString(document, 'credsStore') ?? ''
  return {
    auths: Object.fromEntries(
      Object.keys(auths?.fields ?? {}).map((key) => {
        const entry = auths === undefined ? undefined : optionalObject(auths, key)
        return [plainKey(key), entry && toCredentials(entry, `auth of ${key} in ${path}`)]
      }),
    ),
    helpers: Object.fromEntries(
      Object.entries(optionalStringMap(document, 'credHelpers')).map(([key, name]) => [plainKey(key), name]),
    ),
    ...(store !== '' && { store }),
  }
}

export const readAuthFile = async (path: string): Promise<AuthFile | undefined> => {
  try {
    return parseAuthFile(await readFile(path), path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/** Which helper keeps this host's login, if one does. */
export const helperFor = ({ helpers, store }: AuthFile, host: string): string | undefined =>
  helpers[plainKey(host)] ?? store

/** `quay.io/team/app`, `quay.io/team`, `quay.io`. */
const keysFor = (host: string, repository: string): readonly string[] => {
  const parts = [host, ...repository.split('/').filter((part) => part !== '')]
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/'))
}

/** The first file that knows the host decides. @throws Failure `registry.credentials`, `registry.helper`. */
export const findCredentials = async (
  settings: Settings,
  host: string,
  repository: string,
  read: (path: string) => Promise<AuthFile | undefined> = readAuthFile,
): Promise<Credentials | undefined> => {
  for (const path of authFiles(settings)) {
    const file = await read(path)
    if (file === undefined) continue
    const helper = helperFor(file, host)
    const kept = helper === undefined ? undefined : await askHelper(helper, serverKey(host), settings)
    const found = kept ?? keysFor(host, repository).flatMap((key) => file.auths[key] ?? [])[0]
    if (found !== undefined) return found
  }
  return undefined
}

export interface RegistryPlace {
  readonly host: string
  readonly repository: string
}

/**
 * Whom a pull of this name may ask: the registries that a short name may stand for, and where registries.conf leads
 * from there. None where it is refused, for who pulls is told why.
 */
export const listPlaces = async (
  image: string,
  settings: Settings,
): Promise<{ registries: readonly RegistryPlace[]; mirrors: readonly RegistryPlace[] }> => {
  const [{ expandName }, { placesOf }, { readRegistriesConf }] = await Promise.all([
    import('./short-names.ts'),
    import('./registries-conf.ts'),
    import('./read-registries-conf.ts'),
  ])
  try {
    const conf = await readRegistriesConf(settings)
    const names = expandName(image, conf)
    return {
      registries: names.map(({ registry, repository }) => ({ host: registry, repository })),
      mirrors: names.flatMap((name) => placesOf(conf, name).filter(({ host }) => host !== name.registry)),
    }
  } catch {
    return { registries: [], mirrors: [] }
  }
}
