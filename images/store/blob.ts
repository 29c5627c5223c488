/**
 * One blob on its way into the store. Chunks are hashed and written as they come; only content of the promised size
 * and digest ever gets its name. Writes are synchronous: they go to the page cache, and a pool thread would cost more.
 */
import { closeSync, openSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../../runtime/errors.ts'
import { flushDirectory, temporaryName } from './atomic-file.ts'
import { writeWhole } from './write-whole.ts'
import { algorithmOf, createHasher, digestMismatch, type Digest, type Hasher } from '../digest.ts'

export interface BlobFacts {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export class BlobWriter {
  readonly #path: string
  readonly #facts: BlobFacts
  readonly #temporary: string
  readonly #hasher: Hasher
  #descriptor: number | undefined
  #size = 0
  #isChecked = false

  constructor(path: string, facts: BlobFacts) {
    this.#path = path
    this.#facts = facts
    this.#temporary = temporaryName(path)
    this.#hasher = createHasher(algorithmOf(facts.digest))
    this.#descriptor = openSync(this.#temporary, 'wx', 0o600)
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size
  }

  /** @throws Failure `registry.size` as soon as there is a byte too many. */
  write(chunk: Uint8Array): void {
    this.#size += chunk.length
    if (this.#size > this.#facts.size) {
      throw new Failure(`blob ${this.#facts.digest} is longer than the manifest says`, {
        id: 'registry.size',
        found: `more than ${this.#facts.size} bytes`,
      })
    }
    this.#hasher.update(chunk)
    writeWhole(this.#descriptor ?? -1, chunk)
  }

  /** A descriptor for reading what was written, whatever becomes of the name; to be closed by who asked. */
  openForReading(): number {
    return openSync(this.#temporary, 'r')
  }

  /** That all of it was written. @throws Failure `registry.size`, `registry.digest`. */
  check(): void {
    const { digest, size } = this.#facts
    if (this.#isChecked) return
    if (this.#size !== size) {
      throw new Failure(`blob ${digest} is shorter than the manifest says`, {
        id: 'registry.size',
        found: `${this.#size} of ${size} bytes`,
      })
    }
    const got = this.#hasher.digest()
    if (got !== digest) throw digestMismatch(`blob ${digest}`, digest, got)
    this.#isChecked = true
  }

  /** Gives the blob its name, after a check. @throws as that does; then nothing is left. */
  async commit(): Promise<void> {
    try {
      this.check()
      this.#close()
      const handle = await open(this.#temporary, 'r')
      await handle.sync().finally(() => handle.close())
      await rename(this.#temporary, this.#path)
    } catch (error) {
      await this.abandon()
      throw error
    }
    await flushDirectory(dirname(this.#path))
  }

  async abandon(): Promise<void> {
    this.#close()
    await rm(this.#temporary, { force: true })
  }

  #close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}
