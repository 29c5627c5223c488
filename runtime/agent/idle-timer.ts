/** When the agent may go: nobody asks anything, nothing runs for anybody, and it has been so for a while. */
interface Idleness {
  /** Work that nobody waits for: containers, for instance. */
  readonly isNeeded: () => boolean
  readonly ms: number
  readonly onIdle: () => void
}

export class IdleTimer {
  readonly #idleness: Idleness
  #timer: NodeJS.Timeout | undefined
  #requests = 0

  constructor(idleness: Idleness) {
    this.#idleness = idleness
  }

  /** A request, which may take longer than the wait: a pull. @returns what ends it. */
  begin(): () => void {
    this.#requests++
    this.look()
    return () => {
      this.#requests--
      this.look()
    }
  }

  /** Starts the countdown anew, or holds it while there is something to do. */
  look(): void {
    const { isNeeded, ms, onIdle } = this.#idleness
    clearTimeout(this.#timer)
    if (this.#requests === 0 && !isNeeded()) this.#timer = setTimeout(onIdle, ms)
  }
}
