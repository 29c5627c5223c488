/**
 * The reader's shell: one POSIX sh for a whole level, so that a variable or a background job of one step is there in the
 * next. After each command it prints a line that nothing else prints, with the exit code.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Readable, Writable } from 'node:stream'

export interface Ended {
  /** Both streams, as they came. */
  output: string
  exitCode: number
}

/** In the environment of all that the shell starts: what is left over can be found, whoever its parent is by then. */
const MARK = 'GLASSPOD_LEARN'
/** 100 times 20 ms. */
const TRIES = 100
const POLL_MS = 20

const readEnvironment = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    return ''
  }
}

const findMarked = (mark: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readEnvironment(name).includes(`${MARK}=${mark}\0`))
    .map(Number)

export class Shell {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>
  private readonly mark: string
  private readonly token = randomBytes(8).toString('hex')
  private text = ''
  private heard: () => void = () => undefined
  private last: Promise<unknown> = Promise.resolve()
  private isEnding = false

  /** @param prefix put before the shell: a program that executes the rest of its arguments */
  constructor({
    directory,
    env,
    prefix = [],
  }: {
    directory: string
    env: NodeJS.ProcessEnv
    prefix?: readonly string[]
  }) {
    this.mark = directory
    const [program = 'sh', ...args] = [...prefix, 'sh', '-s']
    this.child = spawn(program, args, {
      cwd: directory,
      env: { ...env, [MARK]: directory },
      stdio: ['pipe', 'pipe', 'inherit'],
      // Ctrl-C is for who plays, not for what is played
      detached: true,
    })
    this.child.stdout.setEncoding('utf8').on('data', (data: string) => {
      this.text += data
      this.heard()
    })
    this.child.on('exit', () => this.heard())
    this.child.stdin.on('error', () => undefined)
    this.child.stdin.write('exec 2>&1\n')
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** One after another, in the order of the calls. What is under way or asked for at the end has no result any more. */
  run(command: string): Promise<Ended> {
    const ended = this.last.then(() => this.runNow(command))
    this.last = ended
    return ended
  }

  private async runNow(command: string): Promise<Ended> {
    const end = new RegExp(`([^]*?)\\n?${this.token} (\\d+)\\n`)
    this.child.stdin.write(`${command}\nprintf '\\n%s %s\\n' ${this.token} $?\n`)
    for (;;) {
      if (this.isEnding) return new Promise(() => undefined)
      const [all, output = '', code] = end.exec(this.text) ?? []
      if (all !== undefined) {
        this.text = this.text.slice(all.length)
        return { output: output.trimEnd(), exitCode: Number(code) }
      }
      if (this.child.exitCode !== null) return { output: this.text.trimEnd(), exitCode: this.child.exitCode }
      await new Promise<void>((resolve) => (this.heard = resolve))
    }
  }

  /** Ends everything that was started in it, wherever it is by now. @returns the pids that did not end */
  async end(): Promise<number[]> {
    this.isEnding = true
    this.child.stdin.end()
    for (let tries = 0; tries < TRIES; tries += 1) {
      const left = findMarked(this.mark)
      if (left.length === 0) return []
      for (const pid of left)
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // it has just ended
        }
      await pause(POLL_MS)
    }
    return findMarked(this.mark)
  }
}
