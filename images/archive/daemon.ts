/**
 * A Docker daemon as a place of images, by dockerode: it gives and takes the archives of docker save and load. Its socket
 * is connected to before anything is asked, with the rights that the process has then.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { Failure, errnoOf, isFailure } from '../../runtime/errors.ts'

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
const PORT = 2375
const TLS_PORT = 2376
/** Requests for one image: is it there, and its archive. */
const REQUESTS = 2

export interface Daemon {
  /** The archive of an image. @throws Failure `daemon.*`, `image.unknown`. */
  save: (name: string) => Promise<AsyncIterable<Uint8Array>>
  /** @throws Failure `daemon.*`, also for what the daemon says only at the end; and what reading the archive throws. */
  load: (name: string, archive: AsyncIterable<Uint8Array>) => Promise<void>
}

type Env = Readonly<Record<string, string | undefined>>

const badAddress = (host: string): Failure =>
  new Failure(`${host} is no address of a docker daemon that can be spoken to`, {
    id: 'daemon.address',
    why: 'unix sockets and TCP are known, and no ssh',
    try: 'DOCKER_HOST=unix:///var/run/docker.sock, or tcp://HOST:PORT',
    status: 400,
  })

/** As docker has it: DOCKER_TLS_VERIFY, and the files of DOCKER_CERT_PATH. */
const readTls = (env: Env): { ca: Buffer; cert: Buffer; key: Buffer } | undefined => {
  if ((env['DOCKER_TLS_VERIFY'] ?? '') === '') return undefined
  const directory = env['DOCKER_CERT_PATH'] ?? join(env['HOME'] ?? '/', '.docker')
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(directory, name))
    } catch (error) {
      throw new Failure(`${join(directory, name)}: ${errnoOf(error) ?? String(error)}`, {
        id: 'daemon.certificate',
        why: 'DOCKER_TLS_VERIFY asks for TLS with the files of DOCKER_CERT_PATH',
        status: 400,
      })
    }
  }
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}

const unreachable = (host: string, error: unknown): Failure => {
  const errno = errnoOf(error)
  return new Failure(`docker daemon ${host} cannot be reached: ${errno ?? String(error)}`, {
    id: 'daemon.unreachable',
    why: errno === 'EACCES' ? 'its socket is not for you: who may use it is root on this machine' : undefined,
    try:
      errno === 'EACCES'
        ? 'docker save IMAGE | glasspod load, by who may'
        : 'does it run, and is DOCKER_HOST its address?',
    status: 502,
  })
}

/** Of dockerode's errors, which have the daemon's status and words. */
const nameFailure = (error: unknown, host: string, name: string): Failure => {
  if (isFailure(error)) return error
  const { statusCode, json } = error as { statusCode?: number; json?: { message?: string } }
  if (statusCode === undefined) return unreachable(host, error)
  const words = json?.message ?? String(error)
  return new Failure(`docker daemon ${host} refuses ${name}`, {
    id: statusCode === 404 ? 'image.unknown' : 'daemon.refused',
    found: `it answered ${statusCode}: ${words.slice(0, 300)}`,
    status: statusCode === 404 ? 404 : 502,
  })
}

const connectNow = async (path: string): Promise<Socket> => {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}

/** One connection a request. */
const agentOf = (sockets: readonly Socket[], path: string): Agent => {
  const agent = new Agent()
  const rest = [...sockets]
  return Object.assign(agent, { createConnection: () => rest.shift() ?? connect(path) })
}

const optionsFor = async (host: string, env: Env): Promise<Docker.DockerOptions> => {
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length)
    const sockets = await Promise.all(Array.from({ length: REQUESTS }, () => connectNow(socketPath)))
    return { socketPath, agent: agentOf(sockets, socketPath) } as Docker.DockerOptions
  }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw badAddress(host)
  const tls = readTls(env)
  const port = Number(url.port === '' ? (tls === undefined ? PORT : TLS_PORT) : url.port)
  return { protocol: tls === undefined ? 'http' : 'https', host: url.hostname, port, ...tls }
}

const load = async (): Promise<typeof Docker> => {
  try {
    return (await import('dockerode')).default
  } catch (error) {
    throw new Failure('dockerode, which speaks to a docker daemon, cannot be loaded', {
      id: 'daemon.client',
      found: (error as Error).message.split('\n')[0] ?? '',
      try: 'npm ci',
    })
  }
}

interface Told {
  error?: string
}

/** @param env DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. @throws Failure `daemon.*`. */
export const openDaemon = async (env: Env): Promise<Daemon> => {
  const host = env['DOCKER_HOST'] || DEFAULT_HOST
  const options = await optionsFor(host, env).catch((error: unknown) => {
    throw isFailure(error) ? error : unreachable(host, error)
  })
  const docker = new (await load())(options)
  return {
    save: async (name) => {
      try {
        // Asked for first: some daemons begin to answer before they know whether there is such an image.
        await docker.getImage(name).inspect()
        return (await docker.getImage(name).get()) as unknown as AsyncIterable<Uint8Array>
      } catch (error) {
        throw nameFailure(error, host, name)
      }
    },
    load: async (name, archive) => {
      const broken = new AbortController()
      const sent = Readable.from(archive, { objectMode: false }).once('error', (error) => broken.abort(error))
      const events = await new Promise<readonly Told[]>((resolve, reject) => {
        broken.signal.addEventListener('abort', () => reject(broken.signal.reason as Error))
        docker
          .loadImage(sent, { abortSignal: broken.signal })
          .then((stream) =>
            docker.modem.followProgress(stream, (error: Error | null, output: Told[]) =>
              error === null ? resolve(output) : reject(error),
            ),
          )
          .catch(reject)
      }).catch((error: unknown) => {
        throw broken.signal.aborted ? broken.signal.reason : nameFailure(error, host, name)
      })
      const refused = events.find(({ error }) => error !== undefined)?.error
      if (refused === undefined) return
      throw new Failure(`docker daemon ${host} refuses ${name}`, {
        id: 'daemon.refused',
        found: refused.slice(0, 300),
        status: 502,
      })
    },
  }
}
