/** Promise: a docker daemon that takes a request and says no more is given up; one that is only slow is not. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDaemon, type Daemon } from '../../../images/archive/daemon.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'

const LIMITS = { answerMs: 300, idleMs: 200 }
/** One that answers, on a machine that is busy. */
const ANSWERS = { ...LIMITS, answerMs: 60_000 }
/** For one that moves, on a machine that is busy. */
const PATIENT = { answerMs: 60_000, idleMs: 2000 }
/** More in all than the limit, and each less. */
const [PIECES, PIECE_MS] = [6, 400]

const withDaemon = (answer: RequestListener, work: (daemon: Daemon) => Promise<void>, limits = LIMITS): Promise<void> =>
  inDirectory(async (directory) => {
    const socket = join(directory, 'docker.sock')
    const server = createServer(answer).listen(socket)
    await once(server, 'listening')
    try {
      await work(await openDaemon({ DOCKER_HOST: `unix://${socket}` }, limits))
    } finally {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  })

const isSilent = (ms: number) => ({
  message: expect.stringMatching(
    new RegExp(`^docker daemon unix://.* is silent: nothing came for ${ms / 1000} s$`),
  ) as unknown,
  facts: { id: 'daemon.timeout' },
})

const collect = async (archive: AsyncIterable<Uint8Array>, betweenMs = 0): Promise<string> => {
  let text = ''
  for await (const chunk of archive) {
    text += Buffer.from(chunk).toString()
    await pause(betweenMs)
  }
  return text
}

/** Tells whether anybody reads it. */
const archiveOf = (read: string[]) =>
  async function* () {
    for (let at = 0; at < PIECES; at++) {
      await pause(PIECE_MS)
      read.push(`${at}`)
      yield Buffer.alloc(1024)
    }
  }

const silently: RequestListener = () => undefined

test('it does not answer who wants an image', () =>
  withDaemon(silently, async (daemon) => {
    await expect(daemon.save('x:1')).rejects.toMatchObject(isSilent(LIMITS.answerMs))
  }))

test('it does not answer who brings one, and nothing of that is read', () =>
  withDaemon(silently, async (daemon) => {
    const read: string[] = []
    await expect(daemon.load('x:1', archiveOf(read)())).rejects.toMatchObject(isSilent(LIMITS.answerMs))
    expect(read).toEqual([])
  }))

test.each([
  ['before the archive', 0],
  ['in the midst of it', 1],
])('it falls silent %s', (_, pieces) =>
  withDaemon(
    (request, response) => {
      if (request.url?.endsWith('/json') === true) response.end('{}')
      else for (let at = 0; at < pieces; at++) response.write('piece')
    },
    async (daemon) => {
      await expect(daemon.save('x:1').then(collect)).rejects.toMatchObject(isSilent(LIMITS.idleMs))
    },
    ANSWERS,
  ),
)

test.each(['reads nothing', 'reads all, and says nothing then'])('of a load it %s', (how) =>
  withDaemon(
    (request, response) => {
      if (request.url === '/_ping') response.end('OK')
      else if (how !== 'reads nothing') request.resume()
    },
    async (daemon) => {
      async function* large() {
        for (let at = 0; at < 64; at++) yield Buffer.alloc(1 << 20)
        await Promise.resolve()
      }
      await expect(daemon.load('x:1', large())).rejects.toMatchObject(isSilent(LIMITS.idleMs))
    },
    ANSWERS,
  ),
)

test('it is slow, and so is who takes what it sends', () =>
  withDaemon(
    (request, response) => {
      if (request.url?.endsWith('/get') !== true) return void request.resume().once('end', () => response.end('{}'))
      const timer = setInterval(() => response.write('x'), PIECE_MS)
      setTimeout(() => response.end(), PIECES * PIECE_MS)
      response.once('close', () => clearInterval(timer))
    },
    async (daemon) => {
      expect(await collect(await daemon.save('x:1'), PATIENT.idleMs + 100)).toMatch(/^x+$/)
      const read: string[] = []
      await daemon.load('x:1', archiveOf(read)())
      expect(read).toHaveLength(PIECES)
    },
    PATIENT,
  ))

test('it breaks off in the midst of the archive', () =>
  withDaemon(
    (request, response) => {
      if (request.url?.endsWith('/json') === true) response.end('{}')
      else response.write('piece', () => response.destroy())
    },
    async (daemon) => {
      await expect(daemon.save('x:1').then(collect)).rejects.toMatchObject({
        message: expect.stringMatching(/broke off x:1: ECONNRESET/) as unknown,
        facts: { id: 'daemon.interrupted' },
      })
    },
    PATIENT,
  ))
