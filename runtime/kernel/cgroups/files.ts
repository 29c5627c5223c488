/** The files of cgroupfs (cgroups(7)): short texts, one value, a list of words, or a key and a value a line. */
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'

/** Without the line's end; undefined where there is no such file, or the directory is gone. */
export const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/**
 * One write(2), as the kernel takes it. Not made where it is missing: cgroupfs would answer EACCES, where ENOENT is
 * what there is to say. Throws the error of the system call.
 */
export const writeText = (path: string, value: string): void => {
  const descriptor = openSync(path, constants.O_WRONLY)
  try {
    // an empty list is a line of its own: a write of no bytes does nothing
    writeSync(descriptor, value === '' ? '\n' : value)
  } finally {
    closeSync(descriptor)
  }
}

export const parseWords = (text: string | undefined): string[] =>
  (text ?? '').split(/\s+/).filter((word) => word !== '')

/** `usage_usec 42` a line, as in cpu.stat, memory.stat, memory.events: numbers by their key. */
export const parseFlat = (text: string | undefined): Record<string, number> =>
  Object.fromEntries(
    (text ?? '').split('\n').flatMap((line) => {
      const [, key, value] = /^(\S+) (\d+)$/.exec(line.trim()) ?? []
      return key === undefined ? [] : [[key, Number(value)]]
    }),
  )

/** A number, or undefined for `max` and for a file that is not there. */
export const readNumber = (path: string): number | undefined => {
  const text = readText(path)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
