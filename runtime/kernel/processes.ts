/** What /proc says of a process (proc(5)): whether it lives, and which process it is. */
import { errnoOf } from '../errors.ts'
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessIdentity {
  pid: number
  /** Clock ticks since boot: with the pid, one process for ever. */
  startTime: number
}

/** Fields of /proc/PID/stat behind the command, which may itself contain parentheses: [0] is the state. */
export const parseStat = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

const readStat = (pid: number): string[] | undefined => {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

export const readIdentity = (pid: number): ProcessIdentity | undefined => {
  const fields = readStat(pid)
  return fields === undefined ? undefined : { pid, startTime: Number(fields[19]) }
}

export const readParent = (pid: number): number | undefined => {
  const parent = readStat(pid)?.[1]
  return parent === undefined ? undefined : Number(parent)
}

/** Children of a process, whichever of its threads has them; undefined where the kernel does not tell (CONFIG_PROC_CHILDREN). */
export const readChildren = (pid: number): number[] | undefined => {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const texts = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1'))
    return texts.join('').split(' ').filter(Boolean).map(Number)
  } catch {
    return undefined
  }
}

/** Alive, and still the process it was: a zombie is dead, and a pid may have been given to another. */
export const isAlive = ({ pid, startTime }: ProcessIdentity): boolean => {
  const fields = readStat(pid)
  return fields !== undefined && fields[0] !== 'Z' && fields[0] !== 'X' && Number(fields[19]) === startTime
}

/** Memory of a process in bytes: PSS counts what it shares with others by its share. Undefined: gone, or not ours. */
export const readPss = (pid: number): number | undefined => {
  try {
    const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
    return line?.[1] === undefined ? undefined : Number(line[1]) * 1024
  } catch {
    return undefined
  }
}

export const readComm = (pid: number): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return undefined
  }
}

/** kill(2) of the very process that was meant; one that is gone, or goes at this moment, needs none. */
export const signalProcess = (identity: ProcessIdentity, signal: NodeJS.Signals): void => {
  if (!isAlive(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/**
 * It and all that it started, each stopped before it is asked for its children: it starts none meanwhile. One that has
 * become another user's (sudo(8)) is not ours to end.
 */
export const killTree = (pid: number): void => {
  const identity = readIdentity(pid)
  if (identity === undefined) return
  const send = (signal: NodeJS.Signals): void => {
    try {
      signalProcess(identity, signal)
    } catch (error) {
      if (errnoOf(error) !== 'EPERM') throw error
    }
  }
  send('SIGSTOP')
  readChildren(pid)?.forEach(killTree)
  send('SIGKILL')
}
