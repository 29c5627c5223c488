/**
 * One command at a time starts the agent. Node has no flock(2), so flock(1) holds the lock for as long as its standard
 * input is open: the kernel ends that with us, however we end, and there is no stale lock to judge.
 */
import { spawn } from 'node:child_process'
import { Failure } from '../errors.ts'
import { quoteWord } from '../spec/shell-words.ts'

const WAIT_SECONDS = 30
const CONFLICT = 75

/** Resolves to what lets go of the lock. */
export const takeStartLock = async (file: string): Promise<() => void> => {
  const holds = ['--no-fork', '--timeout', `${WAIT_SECONDS}`, '--conflict-exit-code', `${CONFLICT}`, file]
  const child = spawn('flock', [...holds, 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C is for the command, which lets go by ending
  })
  child.stdin.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Failure(`flock ${file}: ${error.code ?? error.message}`, {
          id: 'agent.start-lock',
          try: 'install util-linux, which has flock(1)',
        }),
      ),
    )
    child.once('exit', (code) =>
      reject(
        new Failure(`flock ${file}: ${code === CONFLICT ? `held for ${WAIT_SECONDS} s` : `exit code ${code}`}`, {
          id: 'agent.start-lock',
          why: 'one command at a time starts the agent',
          try: `fuser -v ${quoteWord(file)}`,
        }),
      ),
    )
  })
  return () => child.stdin.end()
}
