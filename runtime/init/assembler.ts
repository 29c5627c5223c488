/** Machine code with labels: bytes go in, jumps are filled in at the end. Enough for a runner of a few hundred bytes. */
type Patch = (code: Uint8Array, at: number, target: number) => void

export class Assembler {
  private readonly bytes: number[] = []
  private readonly labels = new Map<string, number>()
  private readonly patches: { at: number; label: string; patch: Patch }[] = []

  emit(...bytes: number[]): this {
    this.bytes.push(...bytes)
    return this
  }

  /** A 32-bit little-endian word. */
  word(value: number): this {
    return this.emit(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff)
  }

  /** A 64-bit little-endian word, of an address. */
  quad(value: number): this {
    return this.word(value % 2 ** 32).word(Math.floor(value / 2 ** 32))
  }

  label(name: string): this {
    this.labels.set(name, this.bytes.length)
    return this
  }

  /** Runs `patch` on the finished code once the label's place is known; `at` is the next byte to be emitted. */
  fixup(label: string, patch: Patch): this {
    this.patches.push({ at: this.bytes.length, label, patch })
    return this
  }

  finish(): Uint8Array {
    const code = Uint8Array.from(this.bytes)
    for (const { at, label, patch } of this.patches) {
      const target = this.labels.get(label)
      if (target === undefined) throw new Error(`no label ${label}`)
      patch(code, at, target)
    }
    return code
  }
}
