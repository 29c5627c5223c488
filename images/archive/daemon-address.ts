/**
 * Where a Docker daemon is, as docker has it: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. A socket is connected to
 * before anything is asked, with the rights that the process has then.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { Failure, errnoOf } from '../../runtime/errors.ts'

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
const PORT = 2375
const TLS_PORT = 2376
/** Requests for one image: is it there, and its archive. */
const REQUESTS = 2

export type Env = Readonly<Record<string, string | undefined>>

export interface Line {
  readonly options: Docker.DockerOptions
  /** Ends what is being asked or answered. */
  readonly cut: () => void
}

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

export const hostOf = (env: Env): string => env['DOCKER_HOST'] || DEFAULT_HOST

/** @throws Failure `daemon.address`, `daemon.certificate`, and what connecting to a socket throws. */
export const openLine = async (env: Env): Promise<Line> => {
  const host = hostOf(env)
  const lineBy = (agent: Agent, rest: Docker.DockerOptions): Line => ({
    options: { ...rest, agent } as Docker.DockerOptions,
    cut: () => agent.destroy(),
  })
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length)
    const sockets = await Promise.all(Array.from({ length: REQUESTS }, () => connectNow(socketPath)))
    return lineBy(agentOf(sockets, socketPath), { socketPath })
  }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url === undefined || !['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '')
    throw badAddress(host)
  const tls = readTls(env)
  const port = Number(url.port === '' ? (tls === undefined ? PORT : TLS_PORT) : url.port)
  const place = { host: url.hostname, port }
  return tls === undefined
    ? lineBy(new Agent(), { ...place, protocol: 'http' })
    : lineBy(new TlsAgent(), { ...place, protocol: 'https', ...tls })
}
