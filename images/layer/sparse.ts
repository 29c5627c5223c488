/**
 * Sparse files as GNU tar stores them, which tar-stream does not know (GNU tar manual, "Storing Sparse Files"): the
 * data without its holes, and a map of where it belongs. The old form has the map in the header and in blocks behind
 * it, PAX 0.0 and 0.1 have it in records, PAX 1.0 at the head of the data.
 */
import { octetsToNumber } from './header.ts'
import { parseDecimal, type PaxRecord } from './pax.ts'
import { damaged } from './refusal.ts'

export interface Fragment {
  readonly offset: number
  readonly length: number
}

export interface Sparse {
  /** In ascending order, and not overlapping. */
  readonly fragments: readonly Fragment[]
  /** Of the file with its holes. */
  readonly size: number
}

/** Bytes of a map: as many as Go's reader takes. */
export const MAP_LIMIT = 1024 * 1024

/** @param stored bytes that the archive has of it. @throws Failure `image.layer`. */
export const checkSparse = ({ fragments, size }: Sparse, stored: number): Sparse => {
  let end = 0
  let sum = 0
  for (const { offset, length } of fragments) {
    if (offset < end || offset + length > size) throw damaged('a sparse file has a map that contradicts itself')
    end = offset + length
    sum += length
  }
  if (sum !== stored) throw damaged('a sparse file has not as much data as its map says')
  return { fragments, size }
}

const NEWLINE = 0x0a

const pairs = (numbers: readonly number[]): Fragment[] => {
  if (numbers.length % 2 !== 0) throw damaged('a sparse file has half an entry in its map')
  return numbers.flatMap((offset, at) => (at % 2 === 0 ? [{ offset, length: numbers[at + 1] ?? 0 }] : []))
}

const ENTRY = 24

/** `count` entries from `at`; an entry that is all NUL ends the list. `tar.h`: struct sparse. */
export const readSparseEntries = (block: Buffer, at: number, count: number): Fragment[] => {
  const fragments: Fragment[] = []
  for (let entry = at; entry < at + count * ENTRY && block[entry] !== 0; entry += ENTRY)
    fragments.push({
      offset: octetsToNumber(block, entry, 12),
      length: octetsToNumber(block, entry + 12, 12),
    })
  return fragments
}

/** What PAX records say of a sparse file. */
export interface PaxSparse {
  readonly size: number
  /** Undefined: it stands at the head of the data. */
  readonly fragments: readonly Fragment[] | undefined
}

/** Undefined for an ordinary file. @throws Failure `image.layer`. */
export const readPaxSparse = (records: readonly PaxRecord[]): PaxSparse | undefined => {
  const pax = new Map(records)
  const number = (key: string): number => parseDecimal(pax.get(key) ?? '', key)
  const version = `${pax.get('GNU.sparse.major') ?? ''}.${pax.get('GNU.sparse.minor') ?? ''}`
  if (version === '1.0') return { size: number('GNU.sparse.realsize'), fragments: undefined }
  if (version !== '.' && version !== '0.0' && version !== '0.1')
    throw damaged(`sparse files of version ${version} are not known`)
  const map = pax.get('GNU.sparse.map')
  if (map !== undefined) {
    const numbers = map === '' ? [] : map.split(',').map((text) => parseDecimal(text, 'GNU.sparse.map'))
    return { size: number('GNU.sparse.size'), fragments: pairs(numbers) }
  }
  if (!pax.has('GNU.sparse.numblocks')) return undefined
  const numbers = records.flatMap(([key, value]) =>
    key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes' ? [parseDecimal(value, key)] : [],
  )
  return { size: number('GNU.sparse.size'), fragments: pairs(numbers) }
}

/** The map of PAX 1.0, in the first blocks of the data: lines of numbers, the first says how many pairs follow. */
export class LeadingMap {
  readonly #blocks: Buffer[] = []
  #lines = 0
  #wanted: number | undefined

  get length(): number {
    return this.#blocks.reduce((sum, block) => sum + block.length, 0)
  }

  /** @returns the map when the block completes it. @throws Failure `image.layer`. */
  add(block: Buffer): readonly Fragment[] | undefined {
    this.#blocks.push(Buffer.from(block))
    for (const byte of block) if (byte === NEWLINE) this.#lines++
    if (this.#lines === 0) return undefined
    this.#wanted ??= 1 + 2 * parseDecimal(this.#read()[0] ?? '', 'the length of a sparse map')
    if (this.#wanted > MAP_LIMIT) throw damaged('a sparse file has too long a map')
    if (this.#lines < this.#wanted) return undefined
    return pairs(
      this.#read()
        .slice(1, this.#wanted)
        .map((text) => parseDecimal(text, 'a sparse map')),
    )
  }

  #read(): string[] {
    return Buffer.concat(this.#blocks).toString('latin1').split('\n')
  }
}
