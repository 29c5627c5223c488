/** What a tree takes on its disk: du(1) without a process. */
import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../runtime/errors.ts'

/** stat(2) counts in blocks of 512 bytes whatever the file system has. */
const BLOCK = 512

/** What vanishes while we look is no longer there to be counted. */
const orNothing = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Bytes; a file with several names in the tree is counted once. */
export const readDiskUsage = async (path: string): Promise<number> => {
  const seen = new Set<string>()
  let bytes = 0
  const count = ({ dev, ino, nlink, blocks }: Stats): void => {
    if (nlink > 1 && seen.has(`${dev}:${ino}`)) return
    if (nlink > 1) seen.add(`${dev}:${ino}`)
    bytes += blocks * BLOCK
  }
  const walk = async (at: string): Promise<void> => {
    const stats = await orNothing(lstat(at))
    if (stats === undefined) return
    count(stats)
    if (!stats.isDirectory()) return
    const entries: Dirent[] = (await orNothing(readdir(at, { withFileTypes: true }))) ?? []
    const files = entries.filter((entry) => !entry.isDirectory())
    for (const found of await Promise.all(files.map(({ name }) => orNothing(lstat(join(at, name))))))
      if (found !== undefined) count(found)
    for (const entry of entries) if (entry.isDirectory()) await walk(join(at, entry.name))
  }
  await walk(path)
  return bytes
}
