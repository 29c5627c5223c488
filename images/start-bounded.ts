/** Work on a list, some at once. */
interface Bounded<Item, Result> {
  readonly limit: number
  readonly signal: AbortSignal | undefined
  readonly start: (item: Item, at: number, signal: AbortSignal) => Promise<Result>
}

/** The first failure stops the rest, and is thrown when all have cleaned up after themselves. */
export const startBounded = async <Item, Result>(
  items: readonly Item[],
  { limit, signal, start }: Bounded<Item, Result>,
): Promise<readonly Result[]> => {
  const failure = new AbortController()
  const stop = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal])
  const results: Result[] = []
  const queue = items.entries()
  let first: { readonly error: unknown } | undefined
  const work = async (): Promise<void> => {
    for (const [at, item] of queue) {
      if (stop.aborted) return
      try {
        results[at] = await start(item, at, stop)
      } catch (error) {
        first ??= { error }
        failure.abort()
        return
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, work))
  if (first !== undefined) throw first.error
  stop.throwIfAborted()
  return results
}
