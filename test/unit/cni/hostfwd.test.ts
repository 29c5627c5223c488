/** The API socket of slirp4netns, whose queue of connections is short. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { listHostForwards } from '../../../cni/hostfwd.ts'

/** Takes one connection into its queue, and answers each as slirp4netns does. */
const SERVER = `require('node:net')
  .createServer({ allowHalfOpen: true }, (socket) => socket.resume().on('end', () => socket.end('{"entries":[]}')))
  .listen({ path: process.argv[1], backlog: 1 }, () => console.log('listens'))`

test('many who ask at once are all answered, though its queue is full', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gp-hostfwd-'))
  const path = `${directory}/api.sock`
  const server = spawn(process.execPath, ['-e', SERVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(server.stdout, 'data')
    // connect(2) is called at once, and nobody is there to take the connections
    server.kill('SIGSTOP')
    const answers = Promise.all(Array.from({ length: 20 }, () => listHostForwards(path)))
    server.kill('SIGCONT')
    expect(await answers).toEqual(Array.from({ length: 20 }, () => []))
  } finally {
    server.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
})

test('nobody there is said at once', async () => {
  await expect(listHostForwards('/nonexistent/api.sock')).rejects.toThrow('slirp4netns: list_hostfwd by')
})
