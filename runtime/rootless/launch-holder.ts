/** Starts the holder in its namespaces and cgroup, and keeps a note of it where the agent and later commands read it. */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Failure } from '../errors.ts'
import { readMembers } from '../kernel/cgroups/leaf.ts'
import { readIdentity } from '../kernel/processes.ts'
import { launchProgram } from '../launch.ts'
import { prepareNodeCgroup, readDelegation, type Delegation, type NodeCgroup } from './cgroup-delegation.ts'
import { selectEnvironment, withSbin } from './environment.ts'
import { noteFile, writeNote, type HolderNote } from './holder-note.ts'
import { planHolderStep } from './plan-node.ts'
import { hashRoot } from './prepare-root.ts'
import { layout } from './root-directory.ts'
import { readIdMap } from './subids.ts'
import { isOurScope } from './user-manager.ts'

/** Name of our cgroup directory and of systemd's scope. */
export const nodeName = (root: string): string => `glasspod-${hashRoot(root)}`

/** A scope of our own is ours alone, whatever of the tree above it may be writable. */
const findBase = (name: string): Delegation => {
  const delegation = readDelegation()
  const { own } = delegation
  if (own === undefined || !isOurScope(own, name)) return delegation
  // this process and the flock(1) that it started would keep the scope from passing controllers on
  mkdirSync(`${own}/launch`, { recursive: true })
  for (const pid of readMembers(own)) writeFileSync(`${own}/launch/cgroup.procs`, `${pid}`)
  return { ...delegation, base: own, reason: undefined }
}

const prepareCgroup = (name: string): { node?: NodeCgroup; reason: string | undefined } => {
  const { base, reason } = findBase(name)
  if (base === undefined) return { reason }
  try {
    const node = prepareNodeCgroup(base, name)
    return { node, reason: node.reason }
  } catch (error) {
    return { reason: `${base} cannot be divided: ${error instanceof Error ? error.message : String(error)}` }
  }
}

export interface LaunchHolder {
  root: string
  runtimeDirectory: string
  /** The agent's command line. */
  agent: string[]
  env?: NodeJS.ProcessEnv
  /** Why systemd did not give a scope, where it was asked. */
  scopeReason?: string | undefined
}

export const readUser = (): { uid: number; user: string } => {
  const uid = process.getuid?.() ?? 0
  try {
    return { uid, user: userInfo().username }
  } catch {
    throw new Failure(`uid ${uid} is not in /etc/passwd`, {
      id: 'rootless.user',
      why: 'newuidmap(1) finds the subordinate ids of a user by name',
      try: 'run glasspod as a user that this machine knows',
    })
  }
}

/** Returns when the holder is about to start the agent. */
export const launchHolder = async (input: LaunchHolder): Promise<HolderNote> => {
  const { root, runtimeDirectory, agent, env = process.env, scopeReason } = input
  const who = readUser()
  const map = readIdMap(who, withSbin(env['PATH']))
  const { node, reason } = prepareCgroup(nodeName(root))
  const reasons = [scopeReason, reason].filter((text) => text !== undefined)
  const agentEnv = { ...selectEnvironment(env, true), USER: who.user }
  const { agentLog, lib } = layout(root)
  mkdirSync(lib, { recursive: true, mode: 0o700 })
  closeSync(openSync(agentLog, 'a', 0o600))
  rmSync(noteFile(runtimeDirectory), { force: true })

  let note: HolderNote | undefined
  const { argv, inside, program } = planHolderStep({
    idMap: map.arguments,
    program: `${lib}/.holder.${process.pid}`,
    agent,
    env: Object.entries(agentEnv).map(([name, value]) => `${name}=${value}`),
    logFile: agentLog,
    cgroupProcs: node?.supervisorProcs,
  })
  await launchProgram({
    prefix: argv,
    calls: inside,
    file: program,
    env: agentEnv,
    onPid: (pid, status) => {
      const identity = readIdentity(pid)
      if (identity !== undefined) {
        note = {
          ...identity,
          cgroup: node?.directory ?? null,
          cgroupReason: reasons.length === 0 ? undefined : reasons.join('; '),
          missingControllers: node?.missing ?? [],
          mappedIds: map.mappedIds,
          idMap: map.arguments,
          warnings: map.warning === undefined ? [] : [map.warning],
        }
        writeNote(runtimeDirectory, note)
      }
      status.write('\0')
    },
  })
  if (note === undefined) throw new Failure('the holder ended while it was started', { id: 'holder.start' })
  return note
}
