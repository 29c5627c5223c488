/** Programs that this process can execute (access(2)), and where they are. */
import { accessSync, constants } from 'node:fs'

export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const found = new Map<string, string>()

/** As execvp(3) finds it; undefined where it is nowhere. */
export const findExecutable = (name: string): string | undefined => {
  const known = found.get(name)
  if (known !== undefined) return known
  const path = (process.env['PATH'] ?? '')
    .split(':')
    .map((directory) => `${directory}/${name}`)
    .find(isExecutable)
  if (path !== undefined) found.set(name, path)
  return path
}
