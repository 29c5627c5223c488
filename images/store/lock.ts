/**
 * One process per store: a file with the owner's pid and start time, made by link(2), which fails when the name is
 * taken. A lock whose owner is dead (kill -9) is taken over; the start time keeps a reused pid from counting as it.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Failure, errnoOf } from '../../runtime/errors.ts'

interface Owner {
  readonly pid: number
  /** Clock ticks after boot, field 22 of /proc/PID/stat (proc(5)). */
  readonly started: string
}

const readStarted = (pid: number): string | undefined => {
  try {
    // The name in field 2 may hold spaces and parentheses: count from the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

const readOwner = (path: string): Owner | undefined => {
  try {
    const [pid = '', started = ''] = readFileSync(path, 'utf8').trim().split(' ')
    return { pid: Number(pid), started }
  } catch {
    return undefined
  }
}

const isAlive = ({ pid, started }: Owner): boolean => Number.isSafeInteger(pid) && readStarted(pid) === started

/** @returns the release. @throws Failure `store.locked`, status 409, while another process has it. */
export const takeLock = (path: string, what: string): (() => void) => {
  const mine = `${path}.${process.pid}.tmp`
  writeFileSync(mine, `${process.pid} ${readStarted(process.pid) ?? ''}\n`, { mode: 0o600 })
  try {
    for (;;) {
      try {
        linkSync(mine, path)
        return () => rmSync(path, { force: true })
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error
      }
      const owner = readOwner(path)
      if (owner !== undefined && isAlive(owner)) {
        throw new Failure(`${what} is in use by process ${owner.pid}`, { id: 'store.locked', found: path, status: 409 })
      }
      moveStale(path, `${path}.${process.pid}.stale.tmp`)
    }
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Of a process that is taking the lock, or was when it died. */
const TEMPORARY = /^lock\.(\d+)\.(?:stale\.)?tmp$/

/** Whether a temporary file beside the lock `lock` is at work: another process asks for it, and will be refused. */
export const isTaking = (name: string): boolean => {
  const pid = TEMPORARY.exec(name)?.[1]
  return pid !== undefined && readStarted(Number(pid)) !== undefined
}

/** By rename, so that of two who saw the same dead owner only one removes it; a live lock caught so is put back. */
const moveStale = (path: string, aside: string): void => {
  try {
    renameSync(path, aside)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  const owner = readOwner(aside)
  if (owner !== undefined && isAlive(owner)) linkSync(aside, path)
  rmSync(aside, { force: true })
}
