/**
 * Calls CNI plugins (CNI specification 1.0.0, sections 2 to 4): one process for each plugin of a `.conflist`, the
 * verb and the container in its environment, the configuration on its standard input, the answer on its standard
 * output. Any plugin that follows the specification can be called, not only ours.
 */
import { join } from 'node:path'
import { Failure } from '../runtime/errors.ts'
import type { Conflist, PluginConf } from './conflist.ts'
import { parseError, parseResult, type CniResult } from './result.ts'
import { isExecutable } from '../runtime/kernel/executables.ts'

type Verb = 'ADD' | 'DEL' | 'CHECK'

/** What is attached to the network. */
export interface Attachment {
  containerId: string
  /** Path of the network namespace, `/proc/PID/ns/net`; may be gone at DEL. */
  netns: string
  /** Interface name inside, at most 15 characters. */
  ifName: string
  /** CNI_ARGS, `{ IP: '10.88.0.9' }`. */
  args?: Record<string, string>
  /** Goes as `runtimeConfig` to the plugins that declare the capability of that name. */
  capabilities?: Record<string, unknown>
}

/** Where and how plugins are run. */
export interface PluginHost {
  /** Directories that are searched for plugins, in order (CNI_PATH). */
  path: readonly string[]
  /** Put before each plugin, `['nsenter', '--net=/proc/123/ns/net', '--']`: they run in the node's namespace. */
  prefix?: readonly string[]
  /** Where our bridge may keep a parsed configuration: saves 20 of 31 ms at ADD. Must be writable for us alone. */
  cacheDir?: string
  /** Milliseconds that one plugin may take. */
  timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 30_000
const SPEC = 'https://www.cni.dev/docs/spec/'

const findPlugin = (type: string, path: readonly string[]): string => {
  const file = path.map((directory) => join(directory, type)).find(isExecutable)
  if (file !== undefined) return file
  throw new Failure(`CNI plugin ${type}: not found`, {
    id: 'network.plugin',
    found: `no executable of that name in ${path.join(', ')}`,
    try: "install it (Debian's plugins: apt install containernetworking-plugins), or correct the network's .conflist",
    exitCode: 125,
  })
}

/**
 * What a plugin reads: its own entry, the list's name and version, what it may know of the runtime, the result of the
 * plugin before it. Pure.
 */
export const planInput = (
  conflist: Conflist,
  plugin: PluginConf,
  { capabilities = {} }: Pick<Attachment, 'capabilities'>,
  prevResult: CniResult | undefined,
): Record<string, unknown> => {
  const { capabilities: declared = {}, ...fields } = plugin
  const passed = Object.entries(capabilities).filter(([name]) => declared[name] === true)
  return {
    ...fields,
    cniVersion: conflist.cniVersion,
    name: conflist.name,
    ...(passed.length > 0 ? { runtimeConfig: Object.fromEntries(passed) } : {}),
    ...(prevResult === undefined ? {} : { prevResult }),
  }
}

/** The environment of section 2, and nothing of ours but PATH. Pure. */
export const planEnvironment = (
  verb: Verb,
  conflist: Conflist,
  { containerId, netns, ifName, args = {} }: Attachment,
  { path, cacheDir }: PluginHost,
): Record<string, string> => ({
  CNI_COMMAND: verb,
  CNI_CONTAINERID: containerId,
  CNI_NETNS: netns,
  CNI_IFNAME: ifName,
  CNI_PATH: path.join(':'),
  ...(Object.keys(args).length === 0
    ? {}
    : {
        CNI_ARGS: Object.entries(args)
          .map(([key, value]) => `${key}=${value}`)
          .join(';'),
      }),
  ...(cacheDir === undefined ? {} : { GLASSPOD_CNI_CACHE: join(cacheDir, `${conflist.name}.cni`) }),
})

const failPlugin = (verb: Verb, type: string, stdout: string, stderr: string, ended: string): Failure => {
  const error = parseError(stdout)
  const said = stderr.trim().split('\n').at(-1)
  return error === undefined
    ? new Failure(`CNI plugin ${type}: ${verb} failed: ${said === undefined || said === '' ? ended : said}`, {
        id: 'network.plugin',
        why: 'the plugin ended without the error object of the specification',
        see: SPEC,
        exitCode: 125,
      })
    : new Failure(`CNI plugin ${type}: ${verb} failed: ${error.msg} (code ${error.code})`, {
        id: `network.plugin.${error.code}`,
        found: error.details === undefined || error.details === '' ? undefined : error.details,
        see: `${SPEC}#error`,
        exitCode: 125,
      })
}

const runPlugin = async (
  verb: Verb,
  conflist: Conflist,
  plugin: PluginConf,
  attachment: Attachment,
  host: PluginHost,
  prevResult: CniResult | undefined,
): Promise<string> => {
  const [program = '', ...args] = [...(host.prefix ?? []), findPlugin(plugin.type, host.path)]
  // loaded here: it costs 15 ms, which an agent that starts no pod need not spend
  const { execa } = await import('execa')
  const result = await execa(program, args, {
    input: JSON.stringify(planInput(conflist, plugin, attachment, prevResult)),
    env: {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      ...planEnvironment(verb, conflist, attachment, host),
    },
    extendEnv: false,
    reject: false,
    timeout: host.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  })
  if (!result.failed) return result.stdout
  const ended = result.timedOut
    ? `no answer within ${(host.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000} s`
    : (result.originalMessage ?? `exit code ${result.exitCode ?? 'unknown'}`)
  throw failPlugin(verb, plugin.type, result.stdout, result.stderr, ended)
}

/**
 * Attaches the container: ADD of each plugin in order, each given the result of the one before.
 * @returns the last result; keep it, CHECK needs it and DEL may have it
 * @throws {Failure} `network.plugin.CODE`, after DEL of every plugin in reverse; `network.plugin` when one is missing.
 *   An error of that DEL is in `cause`
 */
export const addNetwork = async (conflist: Conflist, attachment: Attachment, host: PluginHost): Promise<CniResult> => {
  let result: CniResult | undefined
  try {
    for (const plugin of conflist.plugins) {
      const stdout = await runPlugin('ADD', conflist, plugin, attachment, host, result)
      result = parseResult(stdout)
      if (result === undefined) throw failPlugin('ADD', plugin.type, stdout, '', 'the answer is not a result')
    }
  } catch (error) {
    const cleanup = await delNetwork(conflist, attachment, host).catch((failed: unknown) => failed)
    if (cleanup !== undefined && error instanceof Failure) {
      throw new Failure(error.message, error.facts, { cause: cleanup })
    }
    throw error
  }
  return result ?? { cniVersion: conflist.cniVersion }
}

/**
 * Detaches the container: DEL of each plugin in reverse. Every plugin is called even when one fails, and it may be
 * repeated; the namespace may be gone.
 * @param prevResult what ADD gave. Our bridge does not need it, and without it finds its cached configuration
 * @throws {Failure} that of the first plugin that failed
 */
export const delNetwork = async (
  conflist: Conflist,
  attachment: Attachment,
  host: PluginHost,
  prevResult?: CniResult,
): Promise<void> => {
  const failures: unknown[] = []
  for (const plugin of conflist.plugins.toReversed()) {
    await runPlugin('DEL', conflist, plugin, attachment, host, prevResult).catch((error: unknown) =>
      failures.push(error),
    )
  }
  if (failures.length > 0) throw failures[0]
}

/**
 * Asks each plugin whether the container is still attached as `prevResult` says; nothing when the list disables it.
 * @throws {Failure} `network.plugin.CODE`: what is no longer so
 */
export const checkNetwork = async (
  conflist: Conflist,
  attachment: Attachment,
  host: PluginHost,
  prevResult: CniResult,
): Promise<void> => {
  if (conflist.disableCheck === true) return
  for (const plugin of conflist.plugins) await runPlugin('CHECK', conflist, plugin, attachment, host, prevResult)
}
