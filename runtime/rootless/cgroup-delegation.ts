/**
 * Which cgroup directory is ours to divide (cgroups(7), "Delegation"): a process may be moved only by who may write
 * cgroup.procs of a common ancestor, so what counts is the chain of directories above ourselves that we may write.
 */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { errnoOf } from '../errors.ts'
import { parseMountinfo } from '../kernel/mountinfo.ts'

const PROCS = 'cgroup.procs'
const CONTROLLERS = 'cgroup.controllers'
const SUBTREE = 'cgroup.subtree_control'
/** Controllers that limits of containers need. */
export const WANTED = ['cpu', 'cpuset', 'io', 'memory', 'pids']

export interface CgroupMount {
  mountPoint: string
  /** The cgroup that is visible there, "/" but for a bind mount or a cgroup namespace. */
  root: string
}

/** Of the text of /proc/self/mountinfo. */
export const parseCgroupMount = (mountinfo: string): CgroupMount | undefined => {
  const found = parseMountinfo(mountinfo).find(({ type }) => type === 'cgroup2')
  return found === undefined ? undefined : { mountPoint: found.mountPoint, root: found.root }
}

/** The text of /proc/self/cgroup: the line of version 2 is `0::PATH`. */
export const parseOwnCgroup = (text: string): string | undefined => /^0::(\/.*)$/m.exec(text)?.[1]

/** Directories from our own cgroup up to the mount point; none if it is not below what is mounted. */
export const listChain = ({ mountPoint, root }: CgroupMount, own: string): string[] => {
  const below = relative(root, own)
  if (own.startsWith('/..') || below === '..' || below.startsWith('../')) return []
  const names = below === '' ? [] : below.split('/')
  return [...names.keys(), names.length].reverse().map((length) => join(mountPoint, ...names.slice(0, length)))
}

export interface Delegation {
  mountPoint: string | undefined
  /** Directory of the cgroup that this process is in. */
  own: string | undefined
  /** The highest directory of the chain that is ours. */
  base: string | undefined
  /** Why there is none. */
  reason: string | undefined
}

/** What to do where nothing is delegated. */
export const DELEGATION_REMEDY =
  'in a session of systemd: loginctl enable-linger; or sudo glasspod, which goes on as the system user with a directory ' +
  'of its own'

/** Pure: `isWritable` tells of a path whether we may write it. */
export const findDelegation = (
  mountinfo: string,
  cgroup: string,
  isWritable: (path: string) => boolean,
): Delegation => {
  const mount = parseCgroupMount(mountinfo)
  const cgroupPath = parseOwnCgroup(cgroup)
  const chain = mount === undefined || cgroupPath === undefined ? [] : listChain(mount, cgroupPath)
  const facts = { mountPoint: mount?.mountPoint, own: chain[0] }
  const none = (reason: string) => ({ ...facts, base: undefined, reason })
  if (mount === undefined) return none('no cgroup2 filesystem is mounted here')
  if (cgroupPath === undefined) return none('this process has no cgroup of version 2')
  if (chain.length === 0) return none(`the cgroup of this process, ${cgroupPath}, is not below ${mount.mountPoint}`)
  let base: string | undefined
  for (const directory of chain) {
    if (!isWritable(directory) || !isWritable(`${directory}/${PROCS}`)) break
    base = directory
  }
  return base === undefined
    ? none(`the cgroup of this process, ${chain[0] ?? ''}, is not delegated to this user`)
    : { ...facts, base, reason: undefined }
}

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

export const readDelegation = (): Delegation => {
  // every directory is writable for root: it would take the whole machine's
  if (process.getuid?.() === 0) throw new Error('the delegation of root is not asked for: it becomes a user first')
  return findDelegation(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
    isWritable,
  )
}

export interface NodeCgroup {
  directory: string
  /** cgroup.procs of the leaf that holder and agent sit in. */
  supervisorProcs: string
  /** Controllers that containers cannot have here. */
  missing: string[]
  reason: string | undefined
}

const words = (path: string): string[] => {
  try {
    return readFileSync(path, 'utf8')
      .split(/\s+/)
      .filter((word) => word !== '')
  } catch {
    return []
  }
}

/** Enables what can be enabled for the directories below; returns why one could not, if one could not. */
export const enableControllers = (directory: string, wanted?: readonly string[]): string | undefined => {
  const enabled = words(`${directory}/${SUBTREE}`)
  const available = words(`${directory}/${CONTROLLERS}`).filter((name) => wanted?.includes(name) ?? true)
  const errors = new Set<string>()
  // one by one: a write with one name that is refused does nothing for the others
  for (const name of available.filter((name) => !enabled.includes(name))) {
    try {
      writeFileSync(`${directory}/${SUBTREE}`, `+${name}`)
    } catch (error) {
      errors.add(errnoOf(error) ?? String(error))
    }
  }
  if (errors.size === 0) return undefined
  return errors.has('EBUSY')
    ? `${directory} has processes itself, so it cannot pass its controllers on (EBUSY)`
    : `${directory}/${SUBTREE}: ${[...errors].join(', ')}`
}

/** The directory of all our cgroups, and in it the leaf of the supervisors: processes sit in leaves only. */
export const prepareNodeCgroup = (base: string, name: string): NodeCgroup => {
  const directory = `${base}/${name}`
  const supervisor = `${directory}/supervisor`
  mkdirSync(supervisor, { recursive: true })
  // top down: a controller can be enabled only where the directory above has passed it on
  const reasons = [enableControllers(base), enableControllers(directory)].filter((reason) => reason !== undefined)
  const available = words(`${directory}/${SUBTREE}`)
  return {
    directory,
    supervisorProcs: `${supervisor}/${PROCS}`,
    missing: WANTED.filter((controller) => !available.includes(controller)),
    reason: reasons.length === 0 ? undefined : reasons.join('; '),
  }
}
