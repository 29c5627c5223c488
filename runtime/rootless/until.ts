/** Waits for a fact that files announce. */
import { watch, type FSWatcher } from 'node:fs'
import { errnoOf } from '../errors.ts'

export interface Until<T> {
  /** Undefined: not yet. */
  probe: () => T | undefined | Promise<T | undefined>
  /** A change of one of these files or directories is a reason to ask again. */
  watched: readonly string[]
  timeoutMs: number
}

/** For what the kernel announces to nobody but a parent: that a process has ended. */
const RECHECK_MS = 100

/** Nothing for what is not there any more: asking again finds that. */
const watchWhatIsThere = (path: string, notice: () => void): FSWatcher[] => {
  try {
    return [watch(path, notice).on('error', notice)]
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** The first value that the probe gives; undefined when the time is over. */
export const until = async <T>({ probe, watched, timeoutMs }: Until<T>): Promise<T | undefined> => {
  let wake = () => {}
  const notice = () => wake()
  const watchers = watched.flatMap((path) => watchWhatIsThere(path, notice))
  const recheck = setInterval(notice, RECHECK_MS)
  const deadline = Date.now() + timeoutMs
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => (wake = resolve))
      const value = await probe()
      if (value !== undefined || Date.now() >= deadline) return value
      await changed
    }
  } finally {
    clearInterval(recheck)
    for (const watcher of watchers) watcher.close()
  }
}
