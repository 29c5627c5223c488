/**
 * Files that are whole or not there: written beside their name, flushed, renamed (rename(2) replaces atomically),
 * and the directory flushed. What a crash leaves is called `*.tmp` and removed at the next start.
 */
import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export const temporaryName = (path: string): string => `${path}.${randomBytes(6).toString('hex')}.tmp`

export const flushDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const writeAtomic = async (path: string, bytes: Uint8Array | string): Promise<void> => {
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await flushDirectory(dirname(path))
}

/** But those that are in use. @returns the names that were removed. */
export const removeLeftovers = async (
  directory: string,
  isInUse: (name: string) => boolean = () => false,
): Promise<readonly string[]> => {
  const leftovers = (await readdir(directory)).filter((name) => name.endsWith('.tmp') && !isInUse(name))
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { recursive: true, force: true })))
  return leftovers
}
