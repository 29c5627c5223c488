/**
 * The agent's program in the root directory: `lib/BUILD` is a copy of the bundle, `lib/current` names the one that is
 * executed next. A copy, because the installation may be replaced or removed while containers run.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
} from 'node:fs'
import { errnoOf } from '../errors.ts'
import { link } from './prepare-root.ts'
import { layout, readCurrentBuild, type Bundle } from './root-directory.ts'

/** Copies the named files and directories of one level, whole or not at all; `shared`: for other users to read. */
export const copyBundle = (source: string, target: string, names: readonly string[], shared: boolean): void => {
  if (existsSync(target)) return
  const staging = `${target}.${process.pid}`
  rmSync(staging, { recursive: true, force: true })
  const makeDirectory = (path: string) => {
    mkdirSync(path, { recursive: true })
    chmodSync(path, shared ? 0o755 : 0o700)
  }
  const copy = (name: string, executable: boolean) => {
    copyFileSync(`${source}/${name}`, `${staging}/${name}`)
    chmodSync(`${staging}/${name}`, (executable ? 0o755 : 0o644) & (shared ? 0o777 : 0o700))
  }
  makeDirectory(staging)
  for (const name of names) {
    if (name !== 'cni') copy(name, false)
    else {
      makeDirectory(`${staging}/${name}`)
      for (const plugin of readdirSync(`${source}/${name}`)) copy(`${name}/${plugin}`, true)
    }
  }
  try {
    renameSync(staging, target)
  } catch (error) {
    rmSync(staging, { recursive: true, force: true })
    // another command was first with the same build
    if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error
  }
}

/** A start that goes on at the same time reads the copy of its build for less than that. */
const IN_USE_MS = 60_000

/** Pruning goes by the last use. */
export const markUsed = (copy: string): void => utimesSync(copy, new Date(), new Date())

/** Its name goes first: half of a copy would be taken for one. */
const discardCopy = (path: string): void => {
  const gone = `${path}.${process.pid}`
  try {
    renameSync(path, gone)
  } catch (error) {
    // another command was first
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  rmSync(gone, { recursive: true, force: true })
}

/** Leaves the copies in `directory` that were used last, so many, and all of the last minute; `except`: what is none. */
export const pruneCopies = (directory: string, kept: number, except: string): void => {
  const copies = readdirSync(directory)
    .filter((name) => name !== except)
    .map((name) => `${directory}/${name}`)
    .map((path) => ({ path, used: lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.used - a.used)
  for (const { path, used } of copies.slice(kept)) if (used < Date.now() - IN_USE_MS) discardCopy(path)
}

/** Puts this build where the agent is executed from: at its next start, or when it is asked to execute itself anew. */
export const installAgent = (root: string, { directory, buildId }: Bundle): void => {
  const { lib } = layout(root)
  mkdirSync(lib, { recursive: true, mode: 0o700 })
  copyBundle(directory, `${lib}/${buildId}`, ['agent.cjs', 'unpack.cjs', 'cni'], false)
  const replaced = readCurrentBuild(root)
  if (replaced === buildId) return
  link(buildId, `${lib}/current`)
  // the one before stays: its agent may still run
  const kept = ['current', buildId, replaced]
  for (const name of readdirSync(lib))
    if (!kept.includes(name)) rmSync(`${lib}/${name}`, { recursive: true, force: true })
}
