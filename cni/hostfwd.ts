/**
 * The API socket of slirp4netns(1), section "API SOCKET": one JSON request for each connection. It is the only uplink
 * that opens and closes ports while it runs, and it knows which are open, so nothing need be remembered elsewhere.
 */
import { connect } from 'node:net'
import { Failure } from '../runtime/errors.ts'
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

const TIMEOUT_MS = 5_000

const fail = (sentence: string, found: string): Failure =>
  new Failure(sentence, { id: 'uplink.api', found, see: 'slirp4netns(1)', exitCode: 125 })

const ask = (socket: string, request: Record<string, unknown>): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    const sentence = `slirp4netns: ${String(request['execute'])} by ${socket} failed`
    const connection = connect(socket)
    let answer = ''
    connection.setEncoding('utf8')
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    connection.on('data', (chunk: string) => (answer += chunk))
    connection.on('error', (error) => reject(fail(sentence, error.message)))
    connection.on('close', () => {
      try {
        const value = JSON.parse(answer) as { return?: object; error?: { desc?: string }; entries?: unknown }
        if (value.error !== undefined) reject(fail(sentence, value.error.desc ?? answer))
        // 1.2.0 answers list_hostfwd without the "return" that its manual shows
        else resolve((value.return ?? value) as Record<string, unknown>)
      } catch {
        reject(fail(sentence, answer === '' ? 'no answer' : answer))
      }
    })
    connection.end(JSON.stringify(request))
  })

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
