/**
 * What login and logout change in a file of logins: one entry, all else stays as it was. Readable for its owner only.
 * Where the file names a helper for the host, the helper keeps the secret.
 */
import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { parseDocument, type Fields } from '../document.ts'
import { tellHelper, type Credentials } from './credential-helper.ts'
import { helperFor, hostOfServer, parseAuthFile, serverKey } from './credentials.ts'
import type { Settings } from './settings.ts'

export interface LoginFile {
  readonly path: string
  readonly settings: Settings
  /** What is in it; `{}` for none. */
  readonly bytes: Buffer
  /** @throws Failure `registry.login-file`. */
  save(fields: Fields): void
}

const asFailure = (error: unknown, what: string, path: string): unknown =>
  errnoOf(error) === undefined
    ? error
    : new Failure(`${what} ${path}: ${errnoOf(error) ?? ''}`, {
        id: 'registry.login-file',
        try: '--authfile FILE, or $REGISTRY_AUTH_FILE',
      })

const format = (fields: Fields): string => `${JSON.stringify(fields, undefined, '\t')}\n`

const replace = (path: string, fields: Fields): void => {
  const beside = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(beside, format(fields), { mode: 0o600, flag: 'wx' })
    chmodSync(beside, 0o600)
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, { force: true })
    throw asFailure(error, 'write', path)
  }
}

/** In place, by a descriptor from before the process became another user. */
const overwrite = (descriptor: number, fields: Fields): void => {
  const bytes = Buffer.from(format(fields))
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, at)
  ftruncateSync(descriptor, bytes.length)
  closeSync(descriptor)
}

/**
 * @param inPlace for a process that will not be allowed to replace the file when it saves.
 * @throws Failure `registry.login-file`.
 */
export const openLoginFile = (path: string, settings: Settings, inPlace: boolean): LoginFile => {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const descriptor = inPlace ? openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600) : undefined
    let bytes = Buffer.from('')
    try {
      bytes = readFileSync(descriptor ?? path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    return {
      path,
      settings,
      bytes: bytes.toString().trim() === '' ? Buffer.from('{}') : bytes,
      save: (fields) => (descriptor === undefined ? replace(path, fields) : overwrite(descriptor, fields)),
    }
  } catch (error) {
    throw asFailure(error, 'open', path)
  }
}

const authsOf = (fields: Fields): Record<string, unknown> => {
  const { auths } = fields
  return typeof auths === 'object' && auths !== null ? { ...auths } : {}
}

/** Every key of the file that means the host. */
const keysOf = (auths: Record<string, unknown>, host: string): readonly string[] =>
  Object.keys(auths).filter((key) => hostOfServer(key) === hostOfServer(host))

/** @throws Failure `registry.login-file`, `registry.helper`. */
export const storeLogin = async (file: LoginFile, host: string, login: Credentials): Promise<void> => {
  const { fields } = parseDocument(file.bytes, file.path)
  const helper = helperFor(parseAuthFile(file.bytes, file.path), host)
  const server = serverKey(host)
  if (helper !== undefined) await tellHelper(helper, 'store', { server, credentials: login }, file.settings)
  const auths = authsOf(fields)
  for (const key of keysOf(auths, host)) delete auths[key]
  const auth = Buffer.from(`${login.username}:${login.password}`, 'utf8').toString('base64')
  auths[server] = helper === undefined ? { auth } : {}
  file.save({ ...fields, auths })
}

/** False where there was none. @throws Failure `registry.login-file`, `registry.helper`. */
export const removeLogin = async (file: LoginFile, host: string): Promise<boolean> => {
  const { fields } = parseDocument(file.bytes, file.path)
  const helper = helperFor(parseAuthFile(file.bytes, file.path), host)
  const auths = authsOf(fields)
  const keys = keysOf(auths, host)
  if (keys.length === 0) return false
  if (helper !== undefined) await tellHelper(helper, 'erase', { server: serverKey(host) }, file.settings)
  for (const key of keys) delete auths[key]
  file.save({ ...fields, auths })
  return true
}

/** The hosts that the file knows. */
export const listLogins = ({ bytes, path }: LoginFile): readonly string[] =>
  Object.keys(authsOf(parseDocument(bytes, path).fields)).map(hostOfServer)
