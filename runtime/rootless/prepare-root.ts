/**
 * Makes the root directory and the runtime directory beside it. What must survive a logout lies in the first; sockets
 * and notes about processes in the second, which goes with the session.
 */
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import { quoteWord } from '../spec/shell-words.ts'
import { findForeign, layout, readRuntimeDirectory, refuseRoot, socketIn } from './root-directory.ts'

const MARKER_TEXT = 'A root directory of glasspod. "glasspod system reset" removes it.\n'
/** sun_path of unix(7), with the zero at its end. */
const SOCKET_PATH_MAX = 108
/** What a new filesystem has in it. */
const NATIVE = 'lost+found'

const myUid = (): number => process.getuid?.() ?? 0

/** Makes the directory, or finds that it is ours already; never takes one that others can write, or foreign data. */
export const prepareRoot = (root: string): void => {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw refuseRoot(root, error, myUid())
  }
  assertOurs(root)
  const { marker } = layout(root)
  if (!existsSync(marker)) writeFileSync(marker, MARKER_TEXT, { mode: 0o600 })
}

/** @throws {Failure} `root.owner`, `root.foreign`: a directory that is there and not ours, or has other things in it */
export const assertOurs = (root: string): void => {
  const { marker, startLock } = layout(root)
  const { uid, mode } = lstatSync(realpathSync(root))
  if (uid !== myUid() || (mode & 0o022) !== 0) {
    throw new Failure(`root directory ${root} is not ours alone`, {
      id: 'root.owner',
      found: `owner uid ${uid}, mode 0${(mode & 0o777).toString(8)}; this is uid ${myUid()}`,
      try: uid === myUid() ? `chmod 0700 ${quoteWord(root)}` : 'another directory: --root DIR, or GLASSPOD_ROOT',
    })
  }
  if (existsSync(marker)) return
  // a command that has waited for a reset holds the lock of what it is about to make
  const [stranger] = readdirSync(root).filter((name) => name !== NATIVE && name !== basename(startLock))
  // asked again: another command may have made the marker, and then more, while the directory was read
  if (stranger !== undefined && !existsSync(marker)) {
    throw new Failure(`root directory ${root} has other things in it`, {
      id: 'root.foreign',
      why: 'a reset removes all that is in the root directory, so it must be empty at first',
      found: `${root}/${stranger}, and no ${marker}`,
      try: 'an empty directory, or one that does not exist',
    })
  }
}

/** Twelve digits for one root directory, wherever it was reached from. */
export const hashRoot = (root: string): string =>
  createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 12)

/** Makes the directory with mode 0700 if it is missing; says what speaks against it. */
const claim = (path: string, uid: number): string | undefined => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return `mkdir ${path}: ${errnoOf(error) ?? String(error)}`
  }
  return findForeign(path, uid)
}

const isOurs = (path: string, uid: number): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return findForeign(path, uid) === undefined
  } catch {
    return false
  }
}

/** Directories that may hold the runtime directories of all roots, best first. */
const listParents = (env: NodeJS.ProcessEnv, uid: number): string[] => {
  const session = env['XDG_RUNTIME_DIR'] ?? ''
  return [
    ...(session.startsWith('/') && isOurs(session, uid) ? [`${session}/glasspod`] : []),
    ...(isOurs('/run/glasspod', uid) ? ['/run/glasspod'] : []),
    `/tmp/glasspod-${uid}`,
  ]
}

/**
 * The directory for sockets. The link in the root directory decides once it is made, so that terminals with different
 * environments find the same agent; a link that leads nowhere (after a logout) is made anew.
 */
export const resolveRuntimeDirectory = (root: string, env: NodeJS.ProcessEnv = process.env): string => {
  const uid = myUid()
  const known = readRuntimeDirectory(root, uid)
  if (known !== undefined) return known
  const refusals: string[] = []
  for (const parent of listParents(env, uid)) {
    const directory = `${parent}/${hashRoot(root)}`
    const refusal =
      Buffer.byteLength(socketIn(directory)) >= SOCKET_PATH_MAX
        ? `${socketIn(directory)} is too long for a socket`
        : (claim(parent, uid) ?? claim(directory, uid))
    if (refusal === undefined) {
      link(directory, layout(root).run)
      return directory
    }
    refusals.push(refusal)
  }
  throw new Failure('no directory for sockets', {
    id: 'root.runtime-directory',
    why: 'whoever can write where the socket is could stand in for the agent, so it lies in a directory of mode 0700',
    found: refusals.join('; '),
    try: 'XDG_RUNTIME_DIR with a short path that is only yours',
  })
}

/** Makes the link anew, whole at every moment. */
export const link = (target: string, path: string): void => {
  const temporary = `${dirname(path)}/.${process.pid}.link`
  rmSync(temporary, { force: true })
  symlinkSync(target, temporary)
  renameSync(temporary, path)
}
