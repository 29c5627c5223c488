/**
 * Directories that are to go. They are out of the way at once, by rename(2), so that what they were can be made again;
 * their files are deleted while nobody waits. What a crash leaves of it the next agent deletes.
 */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { errnoOf } from '../errors.ts'

export class Discards {
  private readonly directory: string
  private queue: Promise<void> = Promise.resolve()
  private count = 0

  /** @param directory on the file system of what is discarded */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(directory)) this.remove(`${directory}/${name}`)
  }

  /** One that is not there is no error. */
  discard(path: string): void {
    const place = `${this.directory}/${process.pid}-${++this.count}`
    try {
      renameSync(path, place)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
    this.remove(place)
  }

  /** Resolves when all of it is deleted. */
  settled(): Promise<void> {
    return this.queue
  }

  private remove(path: string): void {
    this.queue = this.queue
      .then(() => rm(path, { recursive: true, force: true }))
      .catch((error: unknown) => console.error(`delete ${path}:`, error))
  }
}
