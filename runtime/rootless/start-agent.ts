/**
 * Starts the agent of a root directory: all that a first command does and later ones find done. Loaded only when no
 * agent answers.
 */
import { readFileSync, statSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { isAlive, readChildren } from '../kernel/processes.ts'
import { quoteWord } from '../spec/shell-words.ts'
import { agentCommand } from './agent-command.ts'
import { installAgent } from './agent-files.ts'
import { readDelegation } from './cgroup-delegation.ts'
import { selectEnvironment, withSbin } from './environment.ts'
import { readLivingHolder, type HolderNote } from './holder-note.ts'
import { launchHolder, nodeName, readUser } from './launch-holder.ts'
import { discardHolder } from './kill-node.ts'
import { prepareRoot, resolveRuntimeDirectory } from './prepare-root.ts'
import { layout, socketIn, type Bundle } from './root-directory.ts'
import { isAnswering } from './socket.ts'
import { startInside } from './start-inside.ts'
import { takeStartLock } from './start-lock.ts'
import { until } from './until.ts'
import { findUserManager, isManaged, isOurScope, planScope } from './user-manager.ts'

const ANSWER_MS = 15_000
/** So long the holder may take to start the agent that it was asked for. */
const BIRTH_MS = 3000
const TAIL = 2000

export interface StartAgent {
  root: string
  bundle: Bundle
}

export const startAgent = async ({ root, bundle }: StartAgent): Promise<{ socketPath: string }> => {
  prepareRoot(root)
  const known = readLivingHolder(resolveRuntimeDirectory(root))
  const scopeReason = known === undefined ? await startInScope({ root, bundle }) : undefined
  const release = await takeStartLock(layout(root).startLock)
  try {
    // again: a reset that held the lock has removed them
    prepareRoot(root)
    const runtimeDirectory = resolveRuntimeDirectory(root)
    const socketPath = socketIn(runtimeDirectory)
    if (await isAnswering(socketPath)) return { socketPath }
    installAgent(root, bundle)
    const logged = sizeOf(layout(root).agentLog)
    for (let again = true; ; again = false) {
      const living = readLivingHolder(runtimeDirectory)
      if (living !== undefined) process.kill(living.pid, 'SIGUSR1')
      const holder = living ?? (await launchHolder({ root, runtimeDirectory, agent: agentCommand(root), scopeReason }))
      const outcome = await awaitAgent({ root, runtimeDirectory, holder })
      if (outcome === 'answers') return { socketPath }
      // the agent before may just have been going, with its lock and perhaps with this holder
      if (outcome === 'ended' && living !== undefined && again) continue
      if (outcome === 'ended' && living === undefined) await discardHolder(runtimeDirectory, holder)
      throw describeFailure({ root, outcome, logged })
    }
  } finally {
    release()
  }
}

/** Where systemd manages this user, only systemd gives a part of its tree. Returns why it did not, if it was asked. */
const startInScope = async ({ root, bundle }: StartAgent): Promise<string | undefined> => {
  const { uid } = readUser()
  const { own, base } = readDelegation()
  const manager = findUserManager(uid, withSbin(process.env['PATH']))
  const name = nodeName(root)
  const hasOther = base !== undefined && !isManaged(base, uid)
  if (manager === undefined || hasOther || (own !== undefined && isOurScope(own, name))) return undefined
  const said = await startInside({
    prefix: planScope(name),
    cli: `${bundle.directory}/cli.cjs`,
    root,
    env: { ...selectEnvironment(process.env, true), XDG_RUNTIME_DIR: manager.runtimeDirectory },
  })
  return said === undefined ? undefined : `systemd-run: ${said}`
}

type Outcome = 'answers' | 'ended' | 'silent'

interface Awaited {
  root: string
  runtimeDirectory: string
  holder: HolderNote
}

const awaitAgent = async ({ root, runtimeDirectory, holder }: Awaited): Promise<Outcome> => {
  const begin = Date.now()
  let born = false
  const outcome = await until<Outcome>({
    watched: [runtimeDirectory, root], // the socket, and the log
    timeoutMs: ANSWER_MS,
    probe: async () => {
      if (await isAnswering(socketIn(runtimeDirectory))) return 'answers'
      const children = readChildren(holder.pid)
      if (children !== undefined && children.length > 0) born = true
      const gone = children?.length === 0 && (born || Date.now() - begin > BIRTH_MS)
      return gone || !isAlive(holder) ? 'ended' : undefined
    },
  })
  return outcome ?? 'silent'
}

const sizeOf = (file: string): number => {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}

/** Which process holds a lock of flock(2) on the file with this inode, by the text of /proc/locks (proc(5)). */
export const parseLockHolder = (locks: string, inode: number): number | undefined => {
  const line = locks.split('\n').find((row) => / FLOCK /.test(row) && !row.includes('->') && row.includes(`:${inode} `))
  return line === undefined ? undefined : Number(line.split(/\s+/)[4])
}

const findLockHolder = (file: string): number | undefined => {
  try {
    return parseLockHolder(readFileSync('/proc/locks', 'utf8'), statSync(file).ino)
  } catch {
    return undefined
  }
}

const describeFailure = ({ root, outcome, logged }: { root: string; outcome: Outcome; logged: number }): Failure => {
  const { agentLog, lock } = layout(root)
  const tail = readFileSync(agentLog).subarray(logged).toString().trim().slice(-TAIL)
  const other = outcome === 'ended' ? findLockHolder(lock) : undefined
  const locked = other === undefined ? undefined : `process ${other} holds ${lock}: another agent of this root`
  return new Failure(
    outcome === 'ended'
      ? `the agent of ${root} ended before it answered`
      : `the agent of ${root} does not answer within ${ANSWER_MS / 1000} s`,
    {
      id: 'agent.start',
      found: [locked, tail].filter((text) => text !== undefined && text !== '').join('\n') || undefined,
      try: locked === undefined ? `tail ${quoteWord(agentLog)}` : `kill ${other}`,
    },
  )
}
