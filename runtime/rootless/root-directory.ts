/**
 * The root directory: all that one agent keeps, and where its parts lie. On the path of every command, so only names,
 * readlink and lstat are here; making it is prepare-root.ts.
 */
import { lstatSync, readlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import { quoteWord } from '../spec/shell-words.ts'

/** Home of the system user that root becomes (as-root.ts). */
export const SYSTEM_HOME = '/var/lib/glasspod'
const SOCKET = 'agent.sock'

/** GLASSPOD_ROOT, else the user's; root and the system user `glasspod` have one together. */
export const defaultRoot = (env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.() ?? 0): string => {
  const given = env['GLASSPOD_ROOT'] ?? ''
  if (given !== '') return resolve(given)
  const home = env['HOME'] || homedir()
  if (uid === 0 || home === SYSTEM_HOME) return `${SYSTEM_HOME}/storage`
  return `${env['XDG_DATA_HOME'] || `${home}/.local/share`}/glasspod`
}

export interface Layout {
  /** Held by the agent for as long as it lives (flock(1)). */
  lock: string
  /** Held by a command while it starts the agent. */
  startLock: string
  /** Says that the directory is ours: without it nothing is removed, and nothing put beside foreign files. */
  marker: string
  /** A symbolic link to the runtime directory: sockets, and notes about processes. */
  run: string
  lib: string
  images: string
  layers: string
  containers: string
  pods: string
  networks: string
  /** What is being deleted. */
  discarded: string
  agentLog: string
}

export const layout = (root: string): Layout => ({
  lock: `${root}/lock`,
  startLock: `${root}/start.lock`,
  marker: `${root}/glasspod-root`,
  run: `${root}/run`,
  lib: `${root}/lib`,
  images: `${root}/images`,
  layers: `${root}/layers`,
  containers: `${root}/containers`,
  pods: `${root}/pods`,
  networks: `${root}/networks`,
  discarded: `${root}/discarded`,
  agentLog: `${root}/agent.log`,
})

export interface Bundle {
  /** dist/: cli.cjs, agent.cjs, unpack.cjs, cni/. */
  directory: string
  buildId: string
}

/** The build that the agent is of when it starts, or executes itself anew, next. */
export const readCurrentBuild = (root: string): string | undefined => {
  try {
    return readlinkSync(`${layout(root).lib}/current`)
  } catch {
    return undefined
  }
}

export const socketIn = (runtimeDirectory: string): string => `${runtimeDirectory}/${SOCKET}`

/** What makes a directory one that only `uid` can have put something in; undefined if nothing speaks against it. */
export const findForeign = (path: string, uid: number): string | undefined => {
  const { mode, uid: owner, isDirectory } = describe(path)
  if (!isDirectory) return `${path} is no directory`
  if (owner !== uid) return `${path} belongs to uid ${owner}, not to ${uid}`
  return (mode & 0o077) === 0 ? undefined : `${path} has mode 0${(mode & 0o777).toString(8)}, not 0700`
}

const describe = (path: string) => {
  const stat = lstatSync(path)
  return { mode: stat.mode, uid: stat.uid, isDirectory: stat.isDirectory() }
}

/** Where the sockets are, by the link that the first command has made; undefined before, and when it leads nowhere. */
export const readRuntimeDirectory = (root: string, uid: number): string | undefined => {
  try {
    const directory = readlinkSync(layout(root).run)
    const found = findForeign(directory, uid)
    if (found === undefined) return directory
    throw new Failure(`${layout(root).run} does not lead to a directory that is only ours`, {
      id: 'root.runtime-directory',
      why: 'whoever can write where the socket is could stand in for the agent',
      found,
      try: `another root directory (--root DIR); or, if this one is yours, rm ${quoteWord(layout(root).run)}`,
    })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === 'EINVAL') {
      throw new Failure(`${layout(root).run} is no symbolic link`, { id: 'root.runtime-directory' })
    }
    if (errnoOf(error) === 'EACCES' || errnoOf(error) === 'ENOTDIR') throw refuseRoot(root, error, uid)
    throw error
  }
}

/** The root directory cannot be made, read or written. */
export const refuseRoot = (root: string, error: unknown, uid: number): Failure =>
  new Failure(`root directory ${root}: ${errnoOf(error) ?? String(error)}`, {
    id: 'root.directory',
    why: 'images, containers and the state of the agent are kept there',
    found: `glasspod goes on as uid ${uid}`,
    try: 'another directory: --root DIR, or GLASSPOD_ROOT',
  })
