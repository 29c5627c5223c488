/** What the checks look with: facts of the kernel, and the variables of the reader's shell. */
import { readFileSync, readlinkSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { Witness } from './level.ts'
import type { Ended, Shell } from './shell.ts'

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const readLink = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

export const makeWitness = (shell: Shell, directory: string, { output, exitCode }: Ended): Witness => {
  const value = async (name: string) => (await shell.run(`printf %s "$${name}"`)).output
  return {
    value,
    pid: async (name) => Number(await value(name)),
    read: (path) => readText(isAbsolute(path) ? path : join(directory, path)),
    namespace: (pid, kind) => readLink(`/proc/${pid}/ns/${kind}`),
    status: (pid, field) =>
      new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readText(`/proc/${pid}/status`))?.[1]?.trim() ?? '',
    output,
    exitCode,
    directory,
  }
}
