/** A program of the system, run to its end; what it printed on standard error is its reason. */
import { spawn } from 'node:child_process'

export interface Ended {
  /** Exit code; undefined when it could not be started or a signal ended it. */
  code: number | undefined
  said: string
}

export const runProgram = (argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> =>
  new Promise((resolve) => {
    const [program = '', ...args] = argv
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ code: undefined, said: `${program}: ${error.code ?? error.message}` }),
    )
    child.once('close', (code, signal) => resolve({ code: code ?? undefined, said: signal ?? said.trim() }))
  })
