/** A file that one writes and another reads at the same time: how far it has grown, told as it grows. */
import { readSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Bytes; the reader is told of no less, and reads no more at once. */
const STEP = 256 * 1024
/** Bytes after which the reader lets others have their turn. */
const TURN = 1024 * 1024

export interface Grown {
  /** Of the file, from its beginning. */
  readonly bytes: number
  /** It will not grow any more. */
  readonly isWhole: boolean
}

export class Growth {
  #bytes = 0
  #told = 0
  #isWhole = false
  #failure: { readonly error: unknown } | undefined
  /** For its one reader. */
  onChange: () => void = () => undefined

  get now(): Grown {
    return { bytes: this.#bytes, isWhole: this.#isWhole }
  }

  /** Set: it will never be whole, and its reader throws this. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  reach({ bytes, isWhole }: Grown): void {
    this.#bytes = bytes
    this.#isWhole = isWhole
    if (!isWhole && bytes < this.#told + STEP) return
    this.#told = bytes
    this.onChange()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.onChange()
  }
}

export interface Growing {
  /** Open for reading, and read from its position on. */
  readonly descriptor: number
  readonly growth: Growth
  /** How many bytes the reader has, from time to time. */
  readonly onRead?: (bytes: number) => void
}

/** The file until it is whole, each chunk in memory that is used again for the next one. @throws what the growth failed with. */
export async function* readGrowing({ descriptor, growth, onRead }: Growing): AsyncGenerator<Buffer> {
  const memory = Buffer.allocUnsafeSlow(STEP)
  let at = 0
  let turn = TURN
  for (;;) {
    if (growth.failure !== undefined) throw growth.failure.error
    const { bytes, isWhole } = growth.now
    const wanted = isWhole ? STEP : Math.min(bytes - at, STEP)
    const length = wanted > 0 ? readSync(descriptor, memory, 0, wanted, null) : 0
    if (length > 0) {
      at += length
      yield memory.subarray(0, length)
    } else if (isWhole) return
    else await new Promise<void>((resolve) => (growth.onChange = resolve))
    if (at < turn) continue
    turn = at + TURN
    onRead?.(at)
    await nextTurn()
  }
}
