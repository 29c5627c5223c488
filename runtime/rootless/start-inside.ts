/**
 * The same start, once more, in a process that was put where it must be born: as another user, or in a cgroup that only
 * systemd can give.
 */
import { Failure, type FailureFacts } from '../errors.ts'
import { runProgram } from './run-program.ts'

export interface Inside {
  /** What puts the process there, as the beginning of its argument vector. */
  prefix: readonly string[]
  /** The bundle of the command line, readable there. */
  cli: string
  root: string
  env: NodeJS.ProcessEnv
}

/** What the other process reported as JSON; undefined if it never came to that. */
export const parseReport = (text: string): Failure | undefined => {
  for (const line of text.split('\n').reverse()) {
    if (!line.startsWith('{')) continue
    try {
      const { message, ...facts } = JSON.parse(line) as FailureFacts & { message?: unknown }
      if (typeof message === 'string') return new Failure(message, facts)
    } catch {
      // a line of something else
    }
  }
  return undefined
}

/**
 * Starts the agent there. Resolves to what the prefix said if the command line was never reached.
 * @throws {Failure} the failure of that command line
 */
export const startInside = async ({ prefix, cli, root, env }: Inside): Promise<string | undefined> => {
  const start = [process.execPath, cli, '--root', root, 'agent', 'start', '--format', 'json']
  const { code, said } = await runProgram([...prefix, ...start], env)
  if (code === 0) return undefined
  const failure = parseReport(said)
  if (failure !== undefined) throw failure
  return said === '' ? `exit code ${code}` : said
}
