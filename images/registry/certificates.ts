/**
 * Certificates of TLS connections to registries: the system's authorities, and for a host those of its directory in
 * certs.d, in the form that docker and podman share (containers-certs.d(5)): `*.crt` are authorities, `NAME.cert` with
 * `NAME.key` is ours for clients. Of several directories for a host the first counts.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { configHome, type Settings } from './settings.ts'

export interface Certificates {
  readonly ca: readonly string[]
  readonly cert?: string
  readonly key?: string
}

/** Debian, Fedora, Alpine: where the system keeps its authorities in one file. */
const BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem']

export const certificateDirectories = (settings: Settings): readonly string[] => [
  join(configHome(settings), 'containers/certs.d'),
  '/etc/containers/certs.d',
  '/etc/docker/certs.d',
]

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(`read certificate ${path}: ${errnoOf(error) ?? String(error)}`, {
      id: 'registry.certificate',
      found: process.getuid?.() === 0 ? 'the agent runs as an ordinary user outside its namespace' : undefined,
      try: `make it readable for the user who runs glasspod's agent`,
      see: 'containers-certs.d(5)',
    })
  }
}

const listDirectory = (path: string): readonly string[] => {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    // A home of someone else's: then its certificates are not for us either.
    if (errnoOf(error) === 'EACCES') return []
    throw error
  }
}

let system: readonly string[] | undefined
const systemAuthorities = ({ env }: Settings): readonly string[] => {
  if (system !== undefined) return system
  const path = [env['SSL_CERT_FILE'] ?? '', ...BUNDLES].find((file) => file !== '' && existsSync(file))
  return (system = path === undefined ? rootCertificates : [readFileSync(path, 'utf8')])
}

/** @param host with its port, as in the reference. */
export const hasCertificates = (host: string, settings: Settings): boolean =>
  certificateDirectories(settings).some((path) => listDirectory(join(path, host)).length > 0)

/** @throws Failure `registry.certificate`. */
export const readCertificates = (host: string, settings: Settings): Certificates => {
  const directory = certificateDirectories(settings)
    .map((path) => join(path, host))
    .find((path) => listDirectory(path).length > 0)
  const authorities = systemAuthorities(settings)
  if (directory === undefined) return { ca: authorities }
  const names = listDirectory(directory)
  const ca = names.filter((name) => name.endsWith('.crt')).map((name) => read(join(directory, name)))
  const certName = names.find((name) => name.endsWith('.cert'))
  const keyName = names.find((name) => name.endsWith('.key'))
  const wanted = certName?.replace(/\.cert$/, '.key') ?? keyName
  if (wanted !== undefined && (certName === undefined || !names.includes(wanted))) {
    throw new Failure(`certificates of registry ${host} are not whole`, {
      id: 'registry.certificate',
      why: 'a client certificate NAME.cert needs its key NAME.key beside it',
      found: `${directory}: ${names.join(', ')}`,
      see: 'containers-certs.d(5)',
    })
  }
  return {
    ca: [...authorities, ...ca],
    ...(certName !== undefined && { cert: read(join(directory, certName)) }),
    ...(wanted !== undefined && { key: read(join(directory, wanted)) }),
  }
}
