/** One verb from its arguments to its exit code. */
import { resolve } from 'node:path'
import { Failure } from '../errors.ts'
import { Client } from './client.ts'
import { formatVerbHelp } from './help.ts'
import { EXPLAIN_OPTIONS, parseExplain } from './explain/options.ts'
import { findNearest } from './nearest.ts'
import { parseOptions } from './options.ts'
import { STDOUT, write } from './output.ts'
import { reportError } from './report.ts'
import { assertStepped } from './step/options.ts'
import type { Invocation, Verb, VerbEntry } from './verb.ts'

/** The agent's starter is loaded here, so that help and wrong flags do not wait for it. */
const openRoot = async (
  root: string | undefined,
): Promise<Pick<Invocation<unknown>, 'root' | 'agent' | 'runningAgent'>> => {
  const { ensureAgent, expectAgent, defaultRoot } = await import('../rootless/start.ts')
  const directory = root === undefined ? defaultRoot() : resolve(root)
  const storageDriver = await readStorageDriver()
  const start = async (): Promise<string> => {
    const agent = await ensureAgent({ root: directory, start: true })
    if (agent === undefined)
      throw new Failure(`start the agent of ${directory}: it does not answer`, { id: 'agent.start' })
    return agent.socketPath
  }
  const link = (socketPath: string) =>
    new Client({ socketPath, buildId: __BUILD_ID__, awaitAgent: start, storageDriver })
  return {
    root: directory,
    agent: async () => link(expectAgent(directory) ?? (await start())),
    runningAgent: async () => {
      const agent = await ensureAgent({ root: directory, start: false })
      return agent === undefined ? undefined : link(agent.socketPath)
    },
  }
}

/** Loaded only where one is asked for. */
const readStorageDriver = async (): Promise<string | undefined> => {
  const word = process.env['GLASSPOD_STORAGE_DRIVER'] ?? ''
  return word === '' ? undefined : (await import('../spec/storage-drivers.ts')).parseStorageDriver(word)
}

/** Known before the flags are parsed, because it is also how a wrong flag is reported. */
const wantsJson = (args: readonly string[], verb: Verb): boolean =>
  'format' in verb.options &&
  args.some((arg, index) => arg === '--format=json' || (arg === '--format' && args[index + 1] === 'json'))

export const invoke = async (entry: VerbEntry, args: string[], root: string | undefined): Promise<number> => {
  let json = false
  try {
    const { verb } = await entry.load()
    json = wantsJson(args, verb)
    const { values, operands, help } = parseOptions(args, { name: entry.name, ...verb })
    if (help) {
      write(STDOUT, formatVerbHelp(entry, verb))
      return 0
    }
    return await runVerb(entry.name, verb, { options: values, operands, ...(await openRoot(root)) })
  } catch (error) {
    return reportError(error, json)
  }
}

/** With --explain each step is told as it is made. */
const runVerb = async (name: string, verb: Verb, invocation: Parameters<Verb['run']>[0]): Promise<number> => {
  if ('step' in verb.options && (invocation.options as Record<string, unknown>)['step'] !== undefined) {
    const { stepVerb } = await import('./step/verb.ts')
    return stepVerb(name, verb, invocation)
  }
  assertStepped(invocation.options)
  if (!('explain' in verb.options)) return (await verb.run(invocation)) ?? 0
  const format = parseExplain(invocation.options, verb.options['format'] !== EXPLAIN_OPTIONS.format)
  if (format === undefined) return (await verb.run(invocation)) ?? 0
  const { followVerb } = await import('./explain/follow.ts')
  const { agent, end } = followVerb(format, invocation.agent)
  try {
    return (await verb.run({ ...invocation, agent })) ?? 0
  } finally {
    await end().catch(() => undefined)
  }
}

export const rejectVerb = (name: string, verbs: readonly VerbEntry[]): number => {
  const nearest = findNearest(
    name,
    verbs.map((verb) => verb.name),
  )
  const what = name.startsWith('-') ? `no flag ${name}` : `no verb "${name}"`
  const help = 'glasspod --help'
  return reportError(
    new Failure(`glasspod has ${what}`, {
      id: 'cli.verb',
      try: nearest === undefined ? help : `glasspod ${nearest}, or ${help}`,
    }),
    false,
  )
}
