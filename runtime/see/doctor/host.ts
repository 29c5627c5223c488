/** Who asks, about which root directory; and the ways of asking that all probes have in common. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { selectEnvironment } from '../../rootless/environment.ts'
import { runProgram, type Ended } from '../../rootless/run-program.ts'

/** A program that takes longer is ended; the longest, systemd-run(1) in a slow virtual machine, takes 0.2 s. */
export const PROGRAM_MS = 5000

export interface Host {
  uid: number
  gids: readonly number[]
  /** Name of the user; undefined where the machine does not know the uid. */
  user: string | undefined
  home: string
  /** The root directory, whether it is there or not. */
  root: string
  /** Started by root, and now the system user: some things root prepares for it. */
  byRoot: boolean
  env: NodeJS.ProcessEnv
}

const readUserName = (): string | undefined => {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

export const readHost = ({ root, byRoot }: Pick<Host, 'root' | 'byRoot'>): Host => ({
  uid: process.getuid?.() ?? 0,
  gids: [process.getgid?.() ?? 0, ...(process.getgroups?.() ?? [])],
  user: readUserName(),
  home: process.env['HOME'] ?? homedir(),
  root,
  byRoot,
  env: process.env,
})

/** Messages in English, programs found as the agent finds them. */
export const attempt = (argv: readonly string[], { env }: Pick<Host, 'env'>): Promise<Ended> =>
  runProgram(argv, { ...selectEnvironment(env, true), LC_ALL: 'C' }, { timeoutMs: PROGRAM_MS })

/** Root of a user namespace with one id, which needs no newuidmap(1). */
export const AS_INNER_ROOT = ['unshare', '--user', '--map-root-user'] as const

/** What it said, without its own name, which is no news: the first line; mount(8) adds one about dmesg(1). */
export const describeEnd = ({ code, said }: Ended): string =>
  said === '' ? `exit code ${code ?? 'unknown'}` : (said.split('\n')[0] ?? '').replace(/^\S*?: /, '').replace(/\.$/, '')

export const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The value of sysctl(8); undefined where this kernel has none of that name. */
export const readSysctl = (name: string): string | undefined =>
  readText(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim()

const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** The directory itself, or the one above it that is there. */
export const nearestDirectory = (path: string): string =>
  isDirectory(path) || path === dirname(path) ? path : nearestDirectory(dirname(path))

const SCRATCH = '.glasspod-doctor-'

/** What mkdtemp(3) makes of that name, and nothing else that may stand beside a root directory. */
export const isScratch = (name: string): boolean =>
  name.startsWith(SCRATCH) && /^\w{6}$/.test(name.slice(SCRATCH.length))

/** A directory to try things in, on the filesystem of the root directory; gone afterwards. */
export const inScratch = async <T>(host: Pick<Host, 'root' | 'env'>, work: (directory: string) => Promise<T>) => {
  const directory = mkdtempSync(join(nearestDirectory(host.root), SCRATCH))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
