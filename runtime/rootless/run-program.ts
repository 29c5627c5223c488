/** A program of the system, run to its end; what it printed on standard error is its reason. */
import { spawn } from 'node:child_process'

/** So long after its end, what a program said has been read. */
const LINGER_MS = 500

export interface Ended {
  /** Exit code; undefined when it could not be started or a signal ended it. */
  code: number | undefined
  said: string
  /** Its standard output, where that was asked for. */
  printed: string
}

export interface RunLimits {
  /** It is killed after so many milliseconds, with all that it started. */
  timeoutMs: number
  /** Its standard input; empty where none is given. */
  input?: string
}

/** With `limits` its standard output is kept, and it has a process group of its own. */
export const runProgram = (
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  limits?: RunLimits,
): Promise<Ended> =>
  new Promise((resolve) => {
    const [program = '', ...args] = argv
    const child = spawn(program, args, {
      stdio: [limits?.input === undefined ? 'ignore' : 'pipe', limits === undefined ? 'ignore' : 'pipe', 'pipe'],
      env,
      detached: limits !== undefined,
    })
    let said = ''
    let printed = ''
    const settle = (ended: Omit<Ended, 'printed'>): void => {
      clearTimeout(timer)
      if (limits !== undefined && ended.code !== 0 && child.pid !== undefined) killGroup(child.pid)
      resolve({ ...ended, printed: printed.trim() })
    }
    const timer =
      limits === undefined
        ? undefined
        : setTimeout(() => {
            settle({ code: undefined, said: `${program}: not ended within ${limits.timeoutMs / 1000} s` })
          }, limits.timeoutMs)
    // it may end without having read
    child.stdin?.on('error', () => undefined).end(limits?.input)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text))
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle({ code: undefined, said: `${program}: ${error.code ?? error.message}` }),
    )
    const end = (code: number | null, signal: string | null): void =>
      settle({ code: code ?? undefined, said: signal ?? said.trim() })
    child.once('close', end)
    // a helper that unshare(1) forgot keeps the pipes open: what was said is here long before
    child.once('exit', (code, signal) => setTimeout(() => end(code, signal), LINGER_MS).unref())
  })

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody is left of it
  }
}
