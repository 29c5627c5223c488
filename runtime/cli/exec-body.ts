/** `exec` and `explain exec` flags become the body of POST /containers/ID/exec. */
import { type Surroundings, makeEnv } from './create-body.ts'
import { EXPLAIN_OPTIONS } from './explain/options.ts'
import type { Operands, Values } from './options.ts'
import { STEP_OPTIONS } from './step/options.ts'

export const EXEC_OPTIONS = {
  ...EXPLAIN_OPTIONS,
  ...STEP_OPTIONS,
  detach: { type: 'boolean', short: 'd', about: 'run in the background' },
  env: { type: 'list', short: 'e', metavar: 'KEY[=VALUE]', about: 'set a variable, or pass on ours' },
  'env-file': { type: 'list', metavar: 'FILE', about: 'read variables from a file' },
  interactive: { type: 'boolean', short: 'i', about: 'keep standard input open' },
  tty: { type: 'boolean', short: 't', about: 'give it a terminal' },
  user: { type: 'string', short: 'u', metavar: 'USER[:GROUP]', about: 'run as this user' },
  workdir: { type: 'string', short: 'w', metavar: 'PATH', about: 'working directory' },
} as const

export const EXEC_OPERANDS: Operands = {
  usage: 'CONTAINER COMMAND [ARG...]',
  min: 2,
  max: Infinity,
  endFlags: true,
}

export const makeExecBody = (options: Values<typeof EXEC_OPTIONS>, command: string[], around: Surroundings) => ({
  AttachStdin: options.interactive && !options.detach,
  AttachStdout: !options.detach,
  AttachStderr: !options.detach,
  Tty: options.tty,
  Cmd: command,
  Env: makeEnv(options, around),
  WorkingDir: options.workdir,
  User: options.user,
  ConsoleSize: options.tty ? around.size : undefined,
})
