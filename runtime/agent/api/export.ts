/** GET /containers/ID/export: what the container has as its root, without what is mounted on it, as a tar. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
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
    let exporting: Exporting | undefined
    await launchProgram({
      prefix: [],
      calls,
      file: `${scratch}/program`,
      onChild: (child) => void (exporting = follow(child)),
    })
    await send(exporting as unknown as Exporting, response, record.name)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

interface Exporting {
  tar: Readable
  /** Resolves to the exit code, or to the signal. */
  ended: Promise<number | string | null>
  said: () => string
}

/** At once: when a child exits, what nobody has begun to read is thrown away. */
const follow = (child: ChildProcess): Exporting => {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SAID_LIMIT)))
  const tar = (child.stdout as Readable).pipe(new PassThrough())
  const ended = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  )
  // A client that goes away ends tar(1) by its pipe.
  tar.once('close', () => child.stdout?.destroy())
  return { tar, ended, said: () => said.trim() }
}

/** What broke off ends without its last chunk, which a client sees. */
const send = async ({ tar, ended, said }: Exporting, response: ServerResponse, name: string): Promise<void> => {
  response.writeHead(200, { 'content-type': 'application/x-tar' })
  const sent = await pipeline(tar, response, { end: false }).then(
    () => true,
    () => false,
  )
  const end = await ended
  if (end === 0 || end === SOME_DIFFER) {
    response.end()
    return
  }
  if (sent) console.error(`export of ${name}: ${end}: ${said()}`)
  response.destroy()
}
