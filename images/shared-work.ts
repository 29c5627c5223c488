/**
 * Work that several want at once is done once: who comes later joins, hears the same progress and gets the same result.
 * It is stopped when the last one who wants it has gone. Of different works only so many run at a time.
 */
export interface Wanted<Result, Progress> {
  readonly start: (signal: AbortSignal, report: (progress: Progress) => void) => Promise<Result>
  readonly report: (progress: Progress) => void
  readonly signal: AbortSignal
}

interface Work<Result, Progress> {
  readonly result: Promise<Result>
  readonly listeners: Set<(progress: Progress) => void>
  readonly stop: AbortController
  last: Progress | undefined
}

export class SharedWork<Result, Progress> {
  readonly #limit: number
  readonly #works = new Map<string, Work<Result, Progress>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** @param limit how many run at once. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws what the work throws; after an abort of `signal` its reason, once nothing of the work is left. */
  async join(key: string, { start, report, signal }: Wanted<Result, Progress>): Promise<Result> {
    signal.throwIfAborted()
    const work = this.#works.get(key) ?? this.#begin(key, start)
    // One function may listen twice, for two layers of one digest.
    const listener = (progress: Progress): void => report(progress)
    work.listeners.add(listener)
    if (work.last !== undefined) report(work.last)
    let onAbort = (): void => undefined
    const left = new Promise<void>((resolve) => (onAbort = resolve))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const settled = work.result.then(
        () => undefined,
        () => undefined,
      )
      await Promise.race([settled, left])
      work.listeners.delete(listener)
      if (!signal.aborted) return await work.result
      if (work.listeners.size > 0) signal.throwIfAborted()
      this.#forget(key, work)
      work.stop.abort(signal.reason)
      return await work.result
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #begin(key: string, start: Wanted<Result, Progress>['start']): Work<Result, Progress> {
    const stop = new AbortController()
    const report = (progress: Progress): void => {
      work.last = progress
      for (const listener of work.listeners) listener(progress)
    }
    const result = this.#inTurn(stop.signal, () => start(stop.signal, report))
    const work: Work<Result, Progress> = { result, listeners: new Set(), stop, last: undefined }
    this.#works.set(key, work)
    const forget = (): void => this.#forget(key, work)
    result.then(forget, forget)
    return work
  }

  #forget(key: string, work: Work<Result, Progress>): void {
    if (this.#works.get(key) === work) this.#works.delete(key)
  }

  async #inTurn(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    while (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }
}
