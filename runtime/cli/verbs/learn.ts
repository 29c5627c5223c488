import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { Failure } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

/** The tutorials are a program of their own, beside this one: zx takes longer to load than all of this. */
const PROGRAM = `${__dirname}/scripts/learn.mjs`

/** A development dependency: where bin/ and dist/ alone were copied, it is not there. */
const requireZx = (): void => {
  try {
    createRequire(PROGRAM).resolve('zx')
  } catch {
    throw new Failure('the tutorials need zx, a package of npm', {
      id: 'learn.program',
      found: `no node_modules/zx in a directory above ${PROGRAM}`,
      try: 'scripts/setup  # in a checkout of glasspod, whose bin/glasspod then has it',
    })
  }
}

/** Started by root, the system user plays: a level that passes by being root would teach nothing. */
const becomeOrdinary = async (): Promise<void> => {
  if (process.getuid?.() !== 0) return
  const { dropToUser, findSystemUser, refuseWithoutUser } = await import('../../rootless/system-user.ts')
  const { enterCgroup } = await import('../../rootless/as-root.ts')
  const user = findSystemUser()
  if (user === undefined) throw refuseWithoutUser()
  enterCgroup(user)
  dropToUser(user)
  // root's own directory is closed to that user, and programs that are started there fail
  process.chdir('/')
  if (!existsSync(PROGRAM))
    throw new Failure(`the system user cannot read ${PROGRAM}`, {
      id: 'learn.program',
      why: 'started by root, the tutorials are played as the user glasspod',
      try: 'as an ordinary user: glasspod learn; or a checkout that others may read',
    })
}

export const verb = defineVerb({
  options: {
    auto: { type: 'boolean', about: 'play by itself, with pauses: for a talk' },
    ci: { type: 'boolean', about: 'play by itself, without pauses; exits with 1 where a check fails' },
    watch: { type: 'boolean', about: 'print a command for a second terminal' },
    lang: {
      type: 'string',
      metavar: 'en|zh',
      choices: ['en', 'zh'],
      about: 'the language (by default that of the locale)',
    },
  },
  operands: { usage: '[LEVEL...]', min: 0, max: Infinity },
  example: 'glasspod learn 04',
  exitCodes: { '0': 'all checks held', '1': 'one did not', '125': 'glasspod could not do it', '130': 'left by Ctrl-C' },
  async run({ options, operands }) {
    if (!existsSync(PROGRAM))
      throw new Failure(`${PROGRAM} is missing`, { id: 'learn.program', try: 'scripts/setup, or npm run build' })
    await becomeOrdinary()
    requireZx()
    const { NODE_EXTRA_CA_CERTS: _slow, ...env } = process.env
    const flags = (['auto', 'ci', 'watch'] as const).flatMap((name) => (options[name] ? [`--${name}`] : []))
    const language = options.lang === undefined ? [] : ['--lang', options.lang]
    const child = spawn(process.execPath, [PROGRAM, ...flags, ...language, '--', ...operands], {
      stdio: 'inherit',
      env,
    })
    // Ctrl-C reaches the child by itself, which takes everything back; here it would end the wait for that
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
    // by a signal before it could take note of it
    const codeOf = (signal: NodeJS.Signals | null) => (signal === null ? 125 : 128 + constants.signals[signal])
    return new Promise<number>((resolve) => child.once('exit', (code, signal) => resolve(code ?? codeOf(signal))))
  },
})
