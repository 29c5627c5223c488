/**
 * Removes a root directory with all that is in it. Files of containers belong to subordinate ids: nobody but root, and
 * the root of a user namespace with the same map, may remove them.
 */
import { existsSync, readdirSync, realpathSync, rmSync, rmdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import { selectEnvironment } from './environment.ts'
import { killNode } from './kill-node.ts'
import { readUser } from './launch-holder.ts'
import { hashRoot } from './prepare-root.ts'
import { layout, readRuntimeDirectory } from './root-directory.ts'
import { runProgram } from './run-program.ts'
import { takeStartLock } from './start-lock.ts'
import { readIdMap } from './subids.ts'

/** Not ours, and a filesystem of its own has it. */
const NATIVE = 'lost+found'

/** @throws {Failure} `reset.not-ours` for a directory that no glasspod has made */
export const resetRoot = async (given: string): Promise<void> => {
  if (!existsSync(given)) return
  const root = realpathSync(given)
  const { marker, startLock } = layout(root)
  if (!existsSync(marker)) {
    throw new Failure(`${root} is no root directory of glasspod`, {
      id: 'reset.not-ours',
      why: 'a reset removes everything in the directory',
      found: `no ${marker}`,
    })
  }
  const release = await takeStartLock(startLock)
  try {
    // another reset was quicker
    if (!existsSync(marker)) return
    await killNode(root)
    const runtimeDirectory = readRuntimeDirectory(root, process.getuid?.() ?? 0)
    if (runtimeDirectory !== undefined && basename(runtimeDirectory) === hashRoot(root)) {
      await removeInside([runtimeDirectory])
      removeIfEmpty(dirname(runtimeDirectory))
    }
    const kept = [NATIVE, basename(marker), basename(startLock)]
    const names = readdirSync(root).filter((name) => !kept.includes(name))
    await removeInside(names.map((name) => `${root}/${name}`))
    // last: a reset that was interrupted can be repeated
    rmSync(marker)
    // with it: who waits for the lock then makes both anew
    rmSync(startLock, { force: true })
    removeIfEmpty(root)
  } finally {
    release()
  }
}

const removeInside = async (paths: readonly string[]): Promise<void> => {
  if (paths.length === 0) return
  const env = selectEnvironment(process.env, true)
  const map = readIdMap(readUser(), env['PATH'] ?? '')
  // what is mounted there from elsewhere is not ours to empty
  const remove = ['rm', '--recursive', '--force', '--one-file-system', '--', ...paths]
  const { code, said } = await runProgram(['unshare', ...map.arguments, '--', ...remove], env)
  if (code === 0) return
  throw new Failure(`remove ${dirname(paths[0] ?? '')}: ${said.split('\n')[0] ?? ''}`, {
    id: 'reset.remove',
    found: said,
  })
}

const removeIfEmpty = (directory: string): void => {
  try {
    rmdirSync(directory)
  } catch (error) {
    // others are in it, or another reset was quicker; or it is a mount point; or the directory above is not ours
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? ''))
      throw error
  }
}
