/** Promise: a client that ends its side when it has asked is answered; what takes longer is given up, as if it had gone. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { answerHalfClosed } from '../../../runtime/agent/half-closed.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'

const ANSWER_MS = 300

const withServer = (
  work: (ask: (path: string, headers?: string) => Socket, givenUp: Promise<boolean>[]) => Promise<void>,
): Promise<void> =>
  inDirectory(async (directory) => {
    const path = join(directory, 'socket')
    const givenUp: Promise<boolean>[] = []
    const server = createServer((request, response) => {
      givenUp.push(once(response, 'close').then(() => !response.writableFinished))
      if (request.url === '/soon') setImmediate(() => setImmediate(() => response.end('here')))
    })
    server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
      socket.resume().once('end', () => void pause(2 * ANSWER_MS).then(() => socket.end('later')))
    })
    answerHalfClosed(server, ANSWER_MS)
    server.listen(path)
    await once(server, 'listening')
    try {
      const ask = (url: string, headers = ''): Socket => {
        const socket = connect(path)
        socket.end(`GET ${url} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
        return socket
      }
      await work(ask, givenUp)
    } finally {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  })

test('a short answer comes, and then the end', () =>
  withServer(async (ask, givenUp) => {
    expect(await text(ask('/soon'))).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*here/)
    expect(await Promise.all(givenUp)).toEqual([false])
  }))

test('a long one is given up', () =>
  withServer(async (ask, givenUp) => {
    expect(await text(ask('/never'))).toBe('')
    expect(await Promise.all(givenUp)).toEqual([true])
  }))

test('a connection that was upgraded goes on', () =>
  withServer(async (ask) => {
    expect(await text(ask('/', 'Connection: Upgrade\r\nUpgrade: tcp\r\n'))).toMatch(/later$/)
  }))
