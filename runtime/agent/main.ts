/**
 * The agent: one process a root directory. The holder starts it, inside the node's user and mount namespaces; it takes
 * over what runs, answers on its socket, and leaves when it is not needed for a while.
 */
import { createServer } from 'node:http'
import { renameSync, rmSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { parseArgs } from 'node:util'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { signalProcess } from '../kernel/processes.ts'
import { adopt } from './adoption.ts'
import { Agent } from './agent.ts'
import { atMost } from './at-most.ts'
import { authRoutes } from './api/auth.ts'
import { containerRoutes } from './api/containers.ts'
import { createRoutes } from './api/create.ts'
import { explainRoutes } from './api/explain.ts'
import { imageRoutes } from './api/images.ts'
import { playRoutes } from './api/play.ts'
import { podRoutes } from './api/pods.ts'
import { resourceRoutes } from './api/resources.ts'
import { shellRoutes } from './api/shell.ts'
import { seeRoutes } from './api/see.ts'
import { streamRoutes, upgrade } from './api/streams.ts'
import { systemRoutes } from './api/system.ts'
import { answerHalfClosed } from './half-closed.ts'
import { serve } from './http.ts'
import { IdleTimer } from './idle-timer.ts'
import { startSpawner } from './spawner.ts'

/** How long the agent stays after the last container and request. */
const IDLE_MS = 60_000
/** How long it may take to come through by a name that was there a moment ago. */
const ACCEPT_MS = 20
/** How long an answer may take when the agent is about to leave. */
const GRACE_SECONDS = 5

const root = parseArgs({ options: { root: { type: 'string' } } }).values.root
if (root === undefined) throw new Error('agent: --root is missing')

const agent = new Agent(root)
const routes = [
  ...streamRoutes(agent),
  ...createRoutes(agent),
  ...containerRoutes(agent),
  ...resourceRoutes(agent),
  ...podRoutes(agent),
  ...playRoutes(agent),
  ...seeRoutes(agent),
  ...explainRoutes(agent),
  ...shellRoutes(agent),
  ...systemRoutes(agent),
  ...authRoutes(),
  ...imageRoutes(agent),
]
const socket = `${agent.node.paths.run}/agent.sock`
let isLeaving = false

/** Requests that wait for nothing: the end waits for them. What watches something goes on with the next agent. */
const underway = new Set<Promise<void>>()
const WATCHES = /\/(wait|attach|logs|stats|trace\/[^/?]+)(\?|$)|\/exec\/[^/]+\/start/

const track = (url: string | undefined, work: Promise<void>): void => {
  if (WATCHES.test(url ?? '')) return
  underway.add(work)
  void work.finally(() => underway.delete(work))
}

/** Connections that have not asked anything yet: close() ends idle ones, and with them the question that is on its way. */
const unasked = new Map<Duplex, Promise<void>>()

const expectQuestion = (connection: Duplex): void => {
  const asked = new Promise<void>((resolve) => connection.once('asked', resolve).once('close', resolve))
  unasked.set(connection, asked)
  void asked.then(() => unasked.delete(connection))
}

const answered = async (): Promise<void> => {
  while (unasked.size + underway.size > 0) await Promise.allSettled([...unasked.values(), ...underway])
}

/** With the holder when nothing runs any more: then the node is gone too. */
const leave = async (how?: 'with-holder') => {
  if (isLeaving) return
  isLeaving = true
  // The name goes first: whoever comes now finds no agent, and whoever has come is answered.
  rmSync(socket, { force: true })
  await delay(ACCEPT_MS)
  // A busy process comes to its timers before it has accepted who waits in the queue of the kernel.
  await nextTurn()
  await nextTurn()
  await atMost(answered(), GRACE_SECONDS)
  server.close()
  await agent.pods.settled()
  await agent.discards.settled()
  await agent.images.close()
  const { holder } = agent.node
  if (how === 'with-holder') {
    await agent.network.stop()
    if (holder !== undefined) signalProcess(holder, 'SIGKILL')
    rmSync(`${agent.node.paths.run}/network.json`, { force: true })
  }
  process.exit(0)
}

const idle = new IdleTimer({ ms: IDLE_MS, isNeeded: () => agent.isNeeded, onIdle: () => void leave('with-holder') })

const server = createServer((request, response) => {
  request.socket.emit('asked')
  response.once('close', idle.begin())
  response.setHeader('glasspod-build', __BUILD_ID__)
  track(request.url, new Promise((resolve) => response.once('close', resolve)))
  void serve(routes, request, response)
})
server.on('connection', expectQuestion)
answerHalfClosed(server)
server.on('upgrade', (request, stream, head) => {
  stream.emit('asked')
  stream.once('close', idle.begin())
  track(request.url, upgrade(agent, request, stream, head))
})
agent.leave = (how) => void leave(how)
agent.supervisor.onEnd = () => idle.look()
adopt(agent)
// While it starts: the first container need not wait for it. What is wrong with it is said to who needs one.
agent.storage.chosen().catch(() => undefined)
startSpawner(agent.node.paths.run).catch((error: unknown) => console.error('spawner:', error))

// Listening first, the name afterwards: whoever finds the socket finds it answering.
const staged = `${agent.node.paths.run}/agent.${process.pid}`
rmSync(staged, { force: true })
server.listen(staged, () => {
  renameSync(staged, socket)
  idle.look()
})
process.on('SIGTERM', () => void leave())
process.on('SIGINT', () => void leave())
