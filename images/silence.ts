/** Conversations that must move: waiting has an end. */

/** Counts how long nothing moves, and cuts when it is too long. */
export class Silence {
  readonly #cut: () => void
  #timer: NodeJS.Timeout | undefined
  /** Milliseconds, when it was too long. */
  reached: number | undefined

  constructor(cut: () => void) {
    this.#cut = cut
  }

  /** From now on so many milliseconds. */
  allow(ms: number): void {
    this.stop()
    this.#timer = setTimeout(() => {
      this.reached = ms
      this.#cut()
    }, ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** The same, and says so of each piece that is taken. */
export async function* watched(chunks: AsyncIterable<Uint8Array>, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    moved()
    yield chunk
  }
  moved()
}
