/**
 * The delegated cgroup where systemd manages this user (systemd.resource-control(5), Delegate=): a transient scope. A
 * scope and no service: systemd-run(1) executes the command itself, so its descriptors and environment stay, and a
 * scope has no main process whose end would take the containers along. It lives in the user manager's tree, so with
 * lingering it survives the logout. test/vm/outside/logout.test.ts shows it.
 */
import { existsSync } from 'node:fs'
import { isExecutable } from '../kernel/executables.ts'

export interface UserManager {
  /** XDG_RUNTIME_DIR of the user, which systemd-run(1) finds the manager by. */
  runtimeDirectory: string
}

export const findUserManager = (uid: number, path: string): UserManager | undefined => {
  const runtimeDirectory = `/run/user/${uid}`
  if (!existsSync(`${runtimeDirectory}/systemd/private`)) return undefined
  return path.split(':').some((directory) => isExecutable(`${directory}/systemd-run`))
    ? { runtimeDirectory }
    : undefined
}

/** One name an attempt: two commands that start at once must not meet in the name; the start lock decides. */
export const nameScope = (name: string): string => `${name}-${process.pid}.scope`

/** Is the directory the scope that nameScope named, in this or in another process? */
export const isOurScope = (directory: string, name: string): boolean => {
  const last = directory.split('/').at(-1) ?? ''
  return last.startsWith(`${name}-`) && /^\d+\.scope$/.test(last.slice(name.length + 1))
}

/** Does systemd own the directory? It divides its tree itself; who wants a part of it must ask for one. */
export const isManaged = (directory: string, uid: number): boolean => directory.includes(`/user@${uid}.service`)

/** Argument vector that runs a command in a scope of its own. */
export const planScope = (name: string): string[] => [
  'systemd-run',
  '--user',
  '--scope',
  '--quiet',
  '--collect',
  `--unit=${nameScope(name)}`,
  '--property=Delegate=yes',
  '--description=glasspod containers',
  '--',
]
