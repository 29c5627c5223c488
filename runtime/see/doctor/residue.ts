/** What commands, agents and containers of ours left behind: nothing of it is in use, and each can be removed by hand. */
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseMountinfo } from '../../kernel/mountinfo.ts'
import { isAlive, readComm, readIdentity } from '../../kernel/processes.ts'
import { readLivingHolder } from '../../rootless/holder-note.ts'
import { layout } from '../../rootless/root-directory.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { isScratch, nearestDirectory, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, type Leftover, type Probe, type Verdict } from './probe.ts'

const list = (directory: string): string[] => {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

const readLink = (path: string): string | undefined => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** A link is its maker's, whatever it leads to. */
const isMine = (path: string, uid: number): boolean => lstatSync(path, { throwIfNoEntry: false })?.uid === uid

/** Runtime directories of all roots of this user, by the places that rootless/prepare-root.ts chooses from. */
const listRuntimeDirectories = ({ uid, env }: Host): string[] =>
  [...new Set([`${env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`}/glasspod`, '/run/glasspod', `/tmp/glasspod-${uid}`])]
    .flatMap((parent) => list(parent).map((name) => `${parent}/${name}`))
    .filter((path) => /\/[0-9a-f]{12}$/.test(path) && isMine(path, uid))

/** Namespaces of living nodes: what is in them is in use. */
const listLivingNodes = (host: Host): { namespaces: Set<string>; cgroups: string[] } => {
  const holders = listRuntimeDirectories(host).flatMap((directory) => readLivingHolder(directory) ?? [])
  return {
    namespaces: new Set(holders.flatMap(({ pid }) => readLink(`/proc/${pid}/ns/user`) ?? [])),
    cgroups: holders.flatMap(({ cgroup }) => cgroup ?? []),
  }
}

const judgeLeftovers =
  (none: string, some: (count: number) => string) =>
  (leftovers: readonly Leftover[]): Verdict =>
    leftovers.length === 0 ? fine(none) : bad(some(leftovers.length), { leftovers })

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

const LEFTOVER = {
  group: 'leftovers',
  severity: 'note',
  advice: 'glasspod doctor --residue',
  see: 'docs/architecture.md',
} as const

const readDeadDirectories = (host: Host): Leftover[] =>
  listRuntimeDirectories(host)
    .filter((directory) => directory !== readLink(layout(host.root).run) && readLivingHolder(directory) === undefined)
    .map((directory) => ({ what: directory, remove: `rm -r ${quoteWord(directory)}` }))

export const RUNTIME_DIRECTORIES = defineProbe<readonly Leftover[]>({
  ...LEFTOVER,
  id: 'residue.runtime',
  title: 'every runtime directory has a holder that lives',
  why: 'Sockets and notes of an agent lie in one. It is made anew when its root directory is used again.',
  read: readDeadDirectories,
  judge: judgeLeftovers('none', (count) =>
    plural(count, 'runtime directory of nobody', 'runtime directories of nobody'),
  ),
})

const OUR_NAMES = /^(glasspod-|slirp4netns$|pasta)/

/** Ours by name and owner, and in no namespace that a holder keeps; an agent whose root directory is gone. */
const readLostProcesses = (host: Host): Leftover[] => {
  const { namespaces } = listLivingNodes(host)
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && isMine(`/proc/${name}`, host.uid))
    .flatMap((name) => {
      const pid = Number(name)
      const comm = readComm(pid) ?? ''
      const identity = readIdentity(pid)
      if (!OUR_NAMES.test(comm) || identity === undefined || !isAlive(identity)) return []
      const namespace = readLink(`/proc/${pid}/ns/user`)
      // an uplink is in the host's user namespace; its arguments tell whose it is
      const words = (readText(`/proc/${pid}/cmdline`) ?? '').split('\0')
      const socket = words.find((word) => word.startsWith('--api-socket='))?.slice('--api-socket='.length)
      const isUplink = !comm.startsWith('glasspod-')
      if (isUplink && (socket === undefined || !/\/glasspod(-\d+)?\/[0-9a-f]{12}\//.test(socket))) return []
      const lost = isUplink
        ? readLivingHolder(dirname(socket ?? '')) === undefined
        : namespace !== undefined && !namespaces.has(namespace) && namespace !== readLink('/proc/self/ns/user')
      return lost ? [{ what: `process ${pid} ${comm}`, remove: `kill -9 ${pid}` }] : []
    })
}

export const PROCESSES = defineProbe<readonly Leftover[]>({
  ...LEFTOVER,
  id: 'residue.processes',
  title: 'every process of ours belongs to a node',
  why: 'When a root directory is deleted by hand instead of by "glasspod system reset", what it started runs on.',
  read: readLostProcesses,
  judge: judgeLeftovers('none', (count) =>
    plural(count, 'process of a node that is gone', 'processes of nodes that are gone'),
  ),
})

/** Directories of ours in a cgroup tree, found no deeper than a user manager puts them. */
const findCgroups = (directory: string, depth: number): string[] =>
  list(directory).flatMap((name) => {
    const path = `${directory}/${name}`
    if (/^glasspod-[0-9a-f]{12}(-\d+\.scope)?$/.test(name)) return [path]
    return depth > 0 && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
      ? findCgroups(path, depth - 1)
      : []
  })

const DEPTH = 5

const readLostCgroups = (host: Host): Leftover[] => {
  const { cgroups } = listLivingNodes(host)
  const mounts = parseMountinfo(readText('/proc/self/mountinfo') ?? '')
  const mount = mounts.find(({ type }) => type === 'cgroup2')
  if (mount === undefined) return []
  return findCgroups(mount.mountPoint, DEPTH)
    .filter((path) => isMine(path, host.uid) && !cgroups.some((used) => used === path || used.startsWith(`${path}/`)))
    .map((path) => {
      const populated = readText(`${path}/cgroup.events`)?.includes('populated 1') === true
      const rmdir = `find ${quoteWord(path)} -depth -type d -exec rmdir {} \\;`
      // a cgroup is busy until the last of those that were killed has gone
      const [file, events] = [quoteWord(`${path}/cgroup.kill`), quoteWord(`${path}/cgroup.events`)]
      const kill = `echo 1 > ${file}; while grep -q 'populated 1' ${events}; do sleep 0.1; done`
      return { what: path, remove: populated ? `${kill}; ${rmdir}` : rmdir }
    })
}

export const CGROUPS = defineProbe<readonly Leftover[]>({
  ...LEFTOVER,
  id: 'residue.cgroups',
  title: 'every cgroup directory of ours belongs to a node',
  why: 'An empty cgroup directory costs some kilobytes of the kernel each, and counts for cgroup.max.descendants.',
  read: readLostCgroups,
  judge: judgeLeftovers('none', (count) => plural(count, 'cgroup directory', 'cgroup directories')),
})

/** In this mount namespace: containers mount in their own, so nothing should ever be found. */
const readMounts = ({ root }: Host): Leftover[] =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter(({ mountPoint }) => mountPoint.startsWith(`${root}/`))
    .map(({ mountPoint, type }) => ({
      what: `${type} at ${mountPoint}`,
      remove: `sudo umount ${quoteWord(mountPoint)}`,
    }))

export const MOUNTS = defineProbe<readonly Leftover[]>({
  ...LEFTOVER,
  id: 'residue.mounts',
  title: 'nothing is mounted below the root directory',
  why: 'Containers mount in namespaces of their own; a mount here came from elsewhere, and a reset does not empty it.',
  read: readMounts,
  judge: judgeLeftovers('none', (count) => plural(count, 'mount', 'mounts')),
})

/** Programs that were to be there for a moment, and scratch directories of doctor itself. */
const readFiles = (host: Host): Leftover[] => {
  const { lib } = layout(host.root)
  const isRunning = (name: string) => existsSync(`/proc/${name.split('.').at(-1) ?? ''}`)
  const programs = list(lib)
    .filter((name) => /^\.holder\.\d+$/.test(name) && !isRunning(name))
    .map((name) => `${lib}/${name}`)
  const directory = nearestDirectory(host.root)
  const scratch = [...new Set([directory, dirname(host.root)])].flatMap((parent) =>
    list(parent)
      .filter(isScratch)
      .map((name) => join(parent, name)),
  )
  // a probe of this run may have one at this moment; a leftover is older than any probe takes
  const isOld = (path: string) =>
    Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 60_000
  return [...programs, ...scratch.filter(isOld)]
    .filter((path) => isMine(path, host.uid))
    .map((path) => ({ what: path, remove: `rm -r ${quoteWord(path)}` }))
}

export const FILES = defineProbe<readonly Leftover[]>({
  ...LEFTOVER,
  id: 'residue.files',
  title: 'no file of a moment is left',
  why: 'Programs that start a holder, and directories in which this examination tried things, are removed after use.',
  read: readFiles,
  judge: judgeLeftovers('none', (count) => plural(count, 'file', 'files')),
})

export const RESIDUE_PROBES: readonly Probe[] = [RUNTIME_DIRECTORIES, PROCESSES, CGROUPS, MOUNTS, FILES]
