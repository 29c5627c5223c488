/**
 * A part of the cgroup tree that is the reader's to divide (cgroups(7), "Delegation"). A process may be moved only by who
 * may write cgroup.procs of a common ancestor, so the reader's shell has to be born in it.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../../runtime/errors.ts'
import { killAll, removeTree } from '../../runtime/kernel/cgroups/leaf.ts'
import { writeText } from '../../runtime/kernel/cgroups/files.ts'
import {
  enableControllers,
  listChain,
  parseCgroupMount,
  parseOwnCgroup,
  readDelegation,
} from '../../runtime/rootless/cgroup-delegation.ts'
import { findUserManager, isManaged, planScope } from '../../runtime/rootless/user-manager.ts'
import { until } from '../../test/fixtures/glasspod-until.ts'

const END_MS = 5000

export interface Ground {
  /** Directory that is ours to divide, and that we are in a leaf of; where systemd has to be asked for one, undefined. */
  base: string | undefined
  /** Put before the shell's argument vector. */
  prefix: string[]
  env: NodeJS.ProcessEnv
}

/** Undefined where no part of the tree can be had. */
export const findGround = (env: NodeJS.ProcessEnv): Ground | undefined => {
  const uid = process.getuid?.() ?? 0
  const { base } = readDelegation()
  if (base !== undefined && !isManaged(base, uid)) return { base, prefix: [], env: {} }
  const manager = findUserManager(uid, env['PATH'] ?? '')
  if (manager === undefined) return undefined
  return { base: undefined, prefix: planScope('glasspod-learn'), env: { XDG_RUNTIME_DIR: manager.runtimeDirectory } }
}

/** Directory of the cgroup that a process is in. */
const directoryOf = (pid: number): string => {
  const mount = parseCgroupMount(readFileSync('/proc/self/mountinfo', 'utf8'))
  const path = parseOwnCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
  const [own] = mount === undefined || path === undefined ? [] : listChain(mount, path)
  if (own === undefined) throw new Error(`the cgroup of process ${pid} is not to be seen here`)
  return own
}

/**
 * Makes the directory of a level, with all controllers that there are. In a new scope the shell is moved into a leaf
 * first: a directory that has processes itself can hand no controller down.
 */
export const prepareGround = ({ base: known }: Ground, shell: number, name: string): string => {
  const base = known ?? directoryOf(shell)
  if (known === undefined) {
    mkdirSync(`${base}/reader`)
    writeText(`${base}/reader/cgroup.procs`, `${shell}`)
  }
  enableControllers(base)
  mkdirSync(`${base}/${name}`)
  return `${base}/${name}`
}

/** Done, too, where systemd has removed an empty scope meanwhile. */
const tryRemove = (directory: string): boolean => {
  try {
    killAll(directory)
    return removeTree(directory)
  } catch (error) {
    return ['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '') && !existsSync(directory)
  }
}

/** With all that is in it: busy for a moment after its last process. */
export const removeGround = async (directory: string): Promise<void> => {
  await until(`${directory} without processes`, () => tryRemove(directory), END_MS)
}
