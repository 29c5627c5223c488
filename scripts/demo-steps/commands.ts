/** The command line as the demo uses it: printed as a user would type it, run, and stopped at when it fails. */
import { $ } from 'zx'
import { quoteWord } from '../../runtime/spec/shell-words.ts'
import { DemoFailure, type Stage } from './stage.ts'

/** dist/scripts/demo.mjs is two levels below bin/. */
const BIN = new URL('../../bin/glasspod', import.meta.url).pathname

export interface Glasspod {
  /** Prints the command and what it says; returns that. */
  show: (...args: string[]) => Promise<string>
  /** Prints neither. */
  quiet: (...args: string[]) => Promise<string>
  /** The same as `quiet`, as JSON. */
  json: <T>(...args: string[]) => Promise<T>
  /** For cleaning up: survives a Ctrl-C, and its failure is the caller's to judge. */
  tryTo: (...args: string[]) => Promise<boolean>
}

export const makeGlasspod = (stage: Stage, root: string | undefined): Glasspod => {
  const globals = root === undefined ? [] : ['--root', root]
  const { NODE_EXTRA_CA_CERTS: _slow, ...rest } = process.env
  const env = process.stdout.isTTY ? { ...rest, COLUMNS: `${process.stdout.columns}` } : rest

  const never = () => new Promise<never>(() => undefined)

  const run = async (args: string[], progress: boolean): Promise<string> => {
    if (stage.isEnding) return never()
    const command = [process.execPath, BIN, ...globals, ...args]
    const stdio = ['ignore', 'pipe', progress ? 'inherit' : 'pipe'] as const
    // Detached, so that Ctrl-C is for the demo alone: a command that is under way is waited for, not cut in two.
    const child = $({ nothrow: true, quiet: true, env, stdio: [...stdio], detached: true })`${command}`
    stage.during(child, () => void child.kill('SIGTERM'))
    const { exitCode, stdout, stderr } = await child
    // The clean-up runs, and ends the process.
    if (stage.isEnding) return never()
    if (exitCode === 0) return stdout.trimEnd()
    throw new DemoFailure(`${stderr.trimEnd()}\nglasspod ${args[0] ?? ''} ended with exit code ${exitCode ?? 'none'}`)
  }

  return {
    show: async (...args) => {
      stage.command(['glasspod', ...globals, ...args].map(quoteWord).join(' '))
      const output = await run(args, args[0] === 'pull')
      if (output !== '') stage.say(output)
      return output
    },
    quiet: (...args) => run(args, false),
    json: async <T>(...args: string[]) => JSON.parse(await run([...args, '--format', 'json'], false)) as T,
    tryTo: async (...args) => {
      const command = [process.execPath, BIN, ...globals, ...args]
      const { exitCode, stderr } = await $({ nothrow: true, quiet: true, env, detached: true })`${command}`
      if (exitCode !== 0 && !/no such|does not run/.test(stderr)) process.stderr.write(stderr)
      return exitCode === 0
    },
  }
}
