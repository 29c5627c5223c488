/** Ends the node of a root directory by force: holder, agent, and whatever is left in its namespaces and its cgroup. */
import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { errnoOf, Failure } from '../errors.ts'
import { readText } from '../kernel/cgroups/files.ts'
import { killAll, removeTree } from '../kernel/cgroups/leaf.ts'
import { isAlive, readIdentity } from '../kernel/processes.ts'
import { noteFile, readHolder, type HolderNote } from './holder-note.ts'
import { readRuntimeDirectory, socketIn } from './root-directory.ts'
import { until } from './until.ts'

const END_MS = 5000

const readUserNamespace = (pid: number | string): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`)
  } catch {
    return undefined // gone, or not ours to see
  }
}

const isLiving = (pid: number): boolean => {
  const identity = readIdentity(pid)
  return identity !== undefined && isAlive(identity)
}

/** All processes of a user namespace; a zombie is still shown in it, and is dead. */
const listMembers = (namespace: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readUserNamespace(name) === namespace)
    .map(Number)
    .filter(isLiving)

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** Kills until nobody is left: one that forks faster than it is killed is met again. */
const killMembers = async (namespace: string): Promise<boolean> => {
  const none = await until({
    watched: [],
    timeoutMs: END_MS,
    probe: () => {
      const members = listMembers(namespace)
      for (const pid of members) kill(pid)
      return members.length === 0 ? true : undefined
    },
  })
  return none === true
}

const killCgroup = async (directory: string): Promise<void> => {
  if (!existsSync(directory)) return
  killAll(directory)
  const events = `${directory}/cgroup.events`
  await until({
    watched: [events],
    timeoutMs: END_MS,
    probe: () => {
      const text = readText(events)
      return text === undefined || /^populated 0$/m.test(text) ? true : undefined
    },
  })
}

/** A holder that could not start its agent: only itself and what it was given; containers of before stay. */
export const discardHolder = async (runtimeDirectory: string, holder: HolderNote): Promise<void> => {
  if (isAlive(holder)) kill(holder.pid)
  await until({ watched: [], timeoutMs: END_MS, probe: () => (isAlive(holder) ? undefined : true) })
  if (holder.cgroup !== null) removeTree(holder.cgroup)
  rmSync(noteFile(runtimeDirectory), { force: true })
}

/** @throws {Failure} `node.kill` when something would not end */
export const killNode = async (root: string): Promise<void> => {
  const runtimeDirectory = readRuntimeDirectory(root, process.getuid?.() ?? 0)
  const holder = runtimeDirectory === undefined ? undefined : readHolder(runtimeDirectory)
  if (runtimeDirectory === undefined || holder === undefined) return
  const living = isAlive(holder)
  const namespace = living ? readUserNamespace(holder.pid) : undefined
  if (holder.cgroup !== null) await killCgroup(holder.cgroup)
  // where there is no cgroup, or the kernel has no cgroup.kill
  if (namespace !== undefined && namespace !== readUserNamespace('self') && !(await killMembers(namespace))) {
    throw new Failure(`processes of ${root} do not end`, {
      id: 'node.kill',
      found: `pids ${listMembers(namespace).join(', ')} in ${namespace}`,
      try: 'cat /proc/PID/stack as root: one in state D waits for a device',
    })
  }
  if (holder.cgroup !== null) removeTree(holder.cgroup)
  for (const file of [noteFile(runtimeDirectory), socketIn(runtimeDirectory)]) rmSync(file, { force: true })
}
