/** What setTimeout takes, in milliseconds: beyond it, it would not wait at all. */
const LONGEST_MS = 2 ** 31 - 1

/** Resolves when the promise does, or after so many seconds; negative: however long it takes. */
export const atMost = async (ended: Promise<void>, seconds: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    if (seconds >= 0) timer = setTimeout(resolve, Math.min(seconds * 1000, LONGEST_MS))
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
}
