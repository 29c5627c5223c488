/** Programs that this process can execute (access(2)), and where they are. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The first of that name. */
export const findIn = (directories: readonly string[], name: string): string | undefined =>
  directories.map((directory) => join(directory, name)).find(isExecutable)

const found = new Map<string, string>()

/** As execvp(3) finds it; undefined where it is nowhere. */
export const findExecutable = (name: string): string | undefined => {
  const known = found.get(name)
  if (known !== undefined) return known
  const path = findIn((process.env['PATH'] ?? '').split(':'), name)
  if (path !== undefined) found.set(name, path)
  return path
}
