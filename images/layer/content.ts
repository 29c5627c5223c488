/** The content of a file on its way to the disk, with its holes where the archive left them out (lseek(2)). */
import { closeSync, ftruncateSync, writeSync } from 'node:fs'
import type { Sparse } from './sparse.ts'

export class Content {
  readonly descriptor: number
  readonly #sparse: Sparse | undefined
  /** Of the fragment that is being filled: which, and how much of it is there. */
  #fragment = 0
  #filled = 0

  constructor(descriptor: number, sparse: Sparse | undefined) {
    this.descriptor = descriptor
    this.#sparse = sparse
  }

  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;)
      at += this.#sparse === undefined ? writeSync(this.descriptor, chunk, at) : this.#place(this.#sparse, chunk, at)
  }

  /** The hole at the end, and the file is whole. */
  finish(): void {
    if (this.#sparse !== undefined) ftruncateSync(this.descriptor, this.#sparse.size)
  }

  close(): void {
    closeSync(this.descriptor)
  }

  #place({ fragments }: Sparse, chunk: Uint8Array, at: number): number {
    let fragment = fragments[this.#fragment]
    while (fragment !== undefined && this.#filled === fragment.length) {
      this.#filled = 0
      fragment = fragments[++this.#fragment]
    }
    // the map was checked against the size of the data
    if (fragment === undefined) throw new Error('more data than the map of a sparse file has')
    const length = Math.min(chunk.length - at, fragment.length - this.#filled)
    const written = writeSync(this.descriptor, chunk, at, length, fragment.offset + this.#filled)
    this.#filled += written
    return written
  }
}
