/**
 * The API socket of slirp4netns(1), section "API SOCKET": one JSON request for each connection. It is the only uplink
 * that opens and closes ports while it runs, and it knows which are open, so nothing need be remembered elsewhere.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { errnoOf, Failure } from '../runtime/errors.ts'
import type { Protocol } from './ports.ts'

/** One open port of the host, as slirp4netns lists it. */
export interface HostForward {
  id: number
  proto: Protocol
  host_addr: string
  host_port: number
  guest_addr: string
  guest_port: number
}

interface Answer {
  return?: object
  error?: { desc?: string }
  entries?: unknown
}

const parseAnswer = (text: string): Answer | undefined => {
  try {
    return JSON.parse(text) as Answer
  } catch {
    return undefined
  }
}

const TIMEOUT_MS = 5_000
/** Its listen(2) has room for few: when many ask at once, connect(2) of the others is answered with EAGAIN. */
const RETRY_MS = 10

const fail = (sentence: string, found: string): Failure =>
  new Failure(sentence, { id: 'uplink.api', found, see: 'slirp4netns(1)', exitCode: 125 })

/** Tried again while the queue is full. */
const reach = async (path: string): Promise<Socket> => {
  for (const since = performance.now(); ; await pause(RETRY_MS)) {
    const connection = connect(path)
    try {
      await once(connection, 'connect')
      return connection
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || performance.now() - since > TIMEOUT_MS) throw error
    }
  }
}

const ask = async (path: string, request: Record<string, unknown>): Promise<Record<string, unknown>> => {
  const sentence = `slirp4netns: ${String(request['execute'])} by ${path} failed`
  let answer = ''
  try {
    const connection = await reach(path)
    connection.setEncoding('utf8')
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    connection.on('data', (chunk: string) => (answer += chunk))
    connection.end(JSON.stringify(request))
    await once(connection, 'close')
  } catch (error) {
    throw fail(sentence, error instanceof Error ? error.message : String(error))
  }
  const value = parseAnswer(answer)
  if (value === undefined) throw fail(sentence, answer === '' ? 'no answer' : answer)
  if (value.error !== undefined) throw fail(sentence, value.error.desc ?? answer)
  // 1.2.0 answers list_hostfwd without the "return" that its manual shows
  return (value.return ?? value) as Record<string, unknown>
}

/** @throws {Failure} `uplink.api`: nobody answers at the socket */
export const listHostForwards = async (socket: string): Promise<HostForward[]> =>
  ((await ask(socket, { execute: 'list_hostfwd' }))['entries'] ?? []) as HostForward[]

/** @throws {Failure} `uplink.api`: slirp4netns gives no reason, mostly the port is in use */
export const addHostForward = async (socket: string, forward: Omit<HostForward, 'id'>): Promise<void> => {
  await ask(socket, { execute: 'add_hostfwd', arguments: forward })
}

export const removeHostForward = async (socket: string, id: number): Promise<void> => {
  await ask(socket, { execute: 'remove_hostfwd', arguments: { id } })
}
