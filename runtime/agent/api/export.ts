/** GET /containers/ID/export: what the container has as its root, without what is mounted on it, as a tar. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Failure } from '../../errors.ts'
import { findExecutable } from '../../kernel/executables.ts'
import { launchProgram } from '../../launch.ts'
import { MOUNT_POINT, planExport } from '../../plan/export.ts'
import type { Agent } from '../agent.ts'
import { planRoot } from '../bundle.ts'
import type { Request } from '../http.ts'

/** A file that changed while it was read: of a container that runs that is no failure. */
const SOME_DIFFER = 1

const SAID_LIMIT = 1000

let count = 0

export const answerExport = async (agent: Agent, { params, response }: Request): Promise<void> => {
  const { record } = agent.containers.find(params['id'] ?? '')
  const tar = findExecutable('tar')
  if (tar === undefined)
    throw new Failure('tar is not installed', { id: 'container.export', try: 'install the package tar (GNU tar)' })
  const image = await agent.images.find(record.image.id)
  const scratch = `${agent.node.paths.discarded}/export-${process.pid}-${++count}`
  mkdirSync(`${scratch}/${MOUNT_POINT}`, { recursive: true, mode: 0o700 })
  try {
    const calls = planExport({ root: planRoot(agent.node, record, image), scratch, tar })
    const born: ChildProcess[] = []
    await launchProgram({ prefix: [], calls, file: `${scratch}/program`, onChild: (child) => void born.push(child) })
    const [child] = born
    if (child !== undefined) await send(child, response, record.name)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What broke off ends without its last chunk, which a client sees. */
const send = async (child: ChildProcess, response: ServerResponse, name: string): Promise<void> => {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SAID_LIMIT)))
  const ended =
    child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit').then(() => undefined)
  response.writeHead(200, { 'content-type': 'application/x-tar' })
  // A client that goes away ends tar(1) by its pipe.
  await pipeline(child.stdout as Readable, response, { end: false }).catch(() => undefined)
  await ended
  if (child.exitCode === 0 || child.exitCode === SOME_DIFFER) response.end()
  else {
    if (!response.destroyed) console.error(`export of ${name}: ${child.signalCode ?? child.exitCode}: ${said.trim()}`)
    response.destroy()
  }
}
