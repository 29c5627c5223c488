/** Freezing containers and letting them go on: asked of the kernel, and waited for until it says so. */
import { setTimeout as delay } from 'node:timers/promises'
import { readFileSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { executeSteps, type Watch } from '../execute.ts'
import { isFreezing, isFrozen } from '../kernel/cgroups/freezer.ts'
import { readMembers } from '../kernel/cgroups/leaf.ts'
import { parseStat } from '../kernel/processes.ts'
import { planPause, planUnpause } from '../plan/lifecycle.ts'
import type { Step } from '../plan/step.ts'
import { quoteWord } from '../spec/shell-words.ts'

const STEP_MS = 2
const LIMIT_MS = 5000

const awaitFrozen = async (directory: string, frozen: boolean): Promise<boolean> => {
  for (let waited = 0; ; waited += STEP_MS) {
    const now = isFrozen(directory)
    // it has ended meanwhile: nothing is left to wait for
    if (now === frozen || now === undefined) return true
    if (waited >= LIMIT_MS) return false
    await delay(STEP_MS)
  }
}

/** In the kernel, where no freezer reaches them (state D of proc_pid_stat(5)). */
const listUninterruptible = (directory: string): number[] =>
  readMembers(directory).filter((pid) => {
    try {
      return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))[0] === 'D'
    } catch {
      return false
    }
  })

const conflict = (id: string, sentence: string, advice: string): Failure =>
  new Failure(sentence, { id, try: advice, status: 409, exitCode: 125 })

export const refuseWithoutCgroup = (name: string, reason: string | undefined): Failure =>
  new Failure(`container ${name} cannot be paused here`, {
    id: 'cgroups.freeze',
    why: 'it is frozen by cgroup.freeze of a cgroup v2 directory of its own',
    found: reason ?? 'no cgroup directory is delegated to this user',
    try: 'glasspod stop; or in a session of systemd with Delegate=yes',
    see: 'cgroups(7)',
    exitCode: 125,
    status: 500,
  })

/** What freezes it. Failure `container.paused` if it is frozen. */
export const planFreeze = (name: string, directory: string): Step[] => {
  if (isFrozen(directory) === true)
    throw conflict('container.paused', `container ${name} is already paused`, `glasspod unpause ${name}`)
  return planPause(directory)
}

/** What lets it go on. Failure `container.not-paused`. */
export const planThaw = (name: string, directory: string): Step[] => {
  if (!isFreezing(directory) && isFrozen(directory) !== true)
    throw conflict('container.not-paused', `container ${name} is not paused`, `glasspod pause ${name}`)
  return planUnpause(directory)
}

const run = (steps: readonly Step[], wait: () => Promise<void>, watch?: Watch): Promise<void> =>
  executeSteps(steps, { effects: { 'container.frozen': () => wait().then(() => undefined) }, watch })

/** Failure `container.paused` if it is, `container.busy` if a process of it cannot be stopped; it then goes on. */
export const freeze = (name: string, directory: string, watch?: Watch): Promise<void> =>
  run(planFreeze(name, directory), () => waitFrozen(name, directory), watch)

/** Failure `container.not-paused`; `container.frozen-above` where a directory above is frozen too. */
export const thaw = (name: string, directory: string, watch?: Watch): Promise<void> =>
  run(planThaw(name, directory), () => waitThawed(name, directory), watch)

const waitFrozen = async (name: string, directory: string): Promise<void> => {
  if (await awaitFrozen(directory, true)) return
  const stuck = listUninterruptible(directory)
  throw new Failure(`pause ${name}: not all of its processes stopped within ${LIMIT_MS / 1000} s`, {
    id: 'container.busy',
    why: 'a process that waits for a device, or for a filesystem of another, cannot be stopped',
    found: stuck.length === 0 ? undefined : `pids ${stuck.join(', ')} in state D`,
    try: 'again; cat /proc/PID/stack as root shows what it waits for',
    exitCode: 125,
  })
}

const waitThawed = async (name: string, directory: string): Promise<void> => {
  if (await awaitFrozen(directory, false)) return
  throw new Failure(`unpause ${name}: it is still frozen`, {
    id: 'container.frozen-above',
    why: 'what is below a frozen cgroup directory is frozen',
    try: `cat ${quoteWord(`${directory}/../cgroup.freeze`)}, and further up`,
    exitCode: 125,
  })
}

/** Before what cannot happen in a frozen container. */
export const refusePaused = (name: string, what: string): Failure =>
  conflict(
    'container.paused',
    `container ${name} is paused: it must be unpaused before ${what}`,
    `glasspod unpause ${name}`,
  )
