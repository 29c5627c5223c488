/**
 * The agent of a root directory, started where none answers. On the path of every command: where an agent runs, this is
 * two readlinks and an lstat; what starts one is loaded only then.
 */
import { readCurrentBuild, readRuntimeDirectory, socketIn, type Bundle } from './root-directory.ts'
import { isAnswering } from './socket.ts'

export { defaultRoot } from './root-directory.ts'

/** In every answer of the agent, and in the requests of the command line: of which build it is. */
export const BUILD_HEADER = 'glasspod-build'

export interface EnsureAgent {
  root: string
  /** False: only one that runs. */
  start: boolean
  /** Where the agent's files come from; by default they lie beside this one. */
  bundle?: Bundle | undefined
}

const findBundle = (): Bundle | undefined =>
  typeof __BUILD_ID__ === 'string' ? { directory: __dirname, buildId: __BUILD_ID__ } : undefined

const findAgent = async (root: string): Promise<{ socketPath: string } | undefined> => {
  const directory = readRuntimeDirectory(root, process.getuid?.() ?? 0)
  if (directory === undefined) return undefined
  const socketPath = socketIn(directory)
  return (await isAnswering(socketPath)) ? { socketPath } : undefined
}

/**
 * The socket of an agent that has nothing to be done for it first; whether it answers is not asked here, since the first
 * request finds out. Undefined: ask ensureAgent.
 */
export const expectAgent = (root: string, bundle = findBundle()): string | undefined => {
  const uid = process.getuid?.() ?? 0
  if (uid === 0 || (bundle !== undefined && readCurrentBuild(root) !== bundle.buildId)) return undefined
  const directory = readRuntimeDirectory(root, uid)
  return directory === undefined ? undefined : socketIn(directory)
}

/** Root becomes the system user in here, and stays it. */
export const ensureAgent = async ({
  root,
  start,
  bundle = findBundle(),
}: EnsureAgent): Promise<{ socketPath: string } | undefined> => {
  let files = bundle
  if (process.getuid?.() === 0) {
    const { becomeSystemUser } = await import('./system-user.ts')
    files = (await becomeSystemUser({ root, start, bundle })) ?? bundle
    if (process.getuid?.() === 0) return undefined
  }
  const agent = await findAgent(root)
  if (agent !== undefined) {
    // an agent of another build executes itself anew when the command line meets it: from these files
    if (files !== undefined && readCurrentBuild(root) !== files.buildId) {
      const { installAgent } = await import('./agent-files.ts')
      installAgent(root, files)
    }
    return agent
  }
  if (!start) return undefined
  if (files === undefined) throw new Error('an agent is started from a bundle: npm run build')
  const { startAgent } = await import('./start-agent.ts')
  return startAgent({ root, bundle: files })
}
