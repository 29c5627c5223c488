/**
 * What stands between a layer's bytes and tar-stream: it walks from header to header, keeps for us what tar-stream
 * would misread (PAX records as bytes, GNU's long names and sparse maps, numbers in base 256), passes on to it headers
 * of plain entries without data, and to us the data, without a copy.
 *
 * The order of things in front of an entry: any number of extended headers, each replacing the one of its kind; the
 * header; for sparse files the map. Global PAX headers are passed over, as in podman and containerd.
 */
import { BLOCK, hasSlashAtEnd, isZero, octetsToNumber, readHeader, rewriteHeader, type Header } from './header.ts'
import { parseDecimal, parsePax, type PaxRecord } from './pax.ts'
import { damaged } from './refusal.ts'
import {
  checkSparse,
  LeadingMap,
  MAP_LIMIT,
  readPaxSparse,
  readSparseEntries,
  type Fragment,
  type Sparse,
} from './sparse.ts'

/** What tar-stream's header does not tell, or not rightly. Texts are bytes, one character a byte. */
export interface Facts extends Header {
  /** Of the data in the archive, without holes and map. */
  readonly size: number
  /** In place of the header's, where an extended header has one. */
  readonly name: string | undefined
  readonly linkname: string | undefined
  readonly pax: ReadonlyMap<string, string>
  readonly sparse: Sparse | undefined
}

export interface TarOutput {
  /** @param header for tar-stream. */
  entry(facts: Facts, header: Buffer): void
  /** The next piece of the last entry's data: memory of the chunk that was written. */
  data(piece: Buffer): void
  /** The last entry has all its data. */
  end(): void
}

/** Of one extended header, as in Go's reader. */
const EXTENDED_LIMIT = 1024 * 1024
const EXTENDED: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K'])
/** They have no data, whatever their size says. */
const BODILESS: ReadonlySet<string> = new Set(['1', '2', '3', '4', '5', '6'])
const OLD_SPARSE = { entries: 386, more: 482, size: 483, inExtension: 21, moreInExtension: 504 } as const
/** For tar-stream, where the name comes from elsewhere. */
const PLACEHOLDER = 'name'

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK
const upToNul = (body: Buffer): string => body.toString('latin1').replace(/\0.*$/s, '')

export class TarBlocks {
  readonly #output: TarOutput
  readonly #onHeader = (bytes: Buffer): void => this.#readHeader(bytes)
  /** Takes the bytes that were waited for, all of them at once. */
  #next = this.#onHeader
  #wanted = BLOCK
  readonly #held: Buffer[] = []
  #heldLength = 0
  /** Bytes of the entry's data that are still to come, and of the padding behind them. */
  #data = 0
  #padding = 0
  #zeroBlocks = 0
  #isAtEnd = false
  #records: readonly PaxRecord[] = []
  #longName: string | undefined
  #longLink: string | undefined

  constructor(output: TarOutput) {
    this.#output = output
  }

  /** Nothing of the chunk is kept: its memory may be used again. @throws Failure `image.layer`. */
  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#isAtEnd;) {
      if (this.#data > 0) {
        const piece = chunk.subarray(at, at + this.#data)
        at += piece.length
        this.#data -= piece.length
        this.#output.data(piece)
        if (this.#data === 0) this.#output.end()
        continue
      }
      if (this.#padding > 0) {
        const length = Math.min(this.#padding, chunk.length - at)
        at += length
        this.#padding -= length
        continue
      }
      const piece = chunk.subarray(at, at + this.#wanted - this.#heldLength)
      at += piece.length
      this.#take(piece)
    }
  }

  /** @throws Failure `image.layer` when the archive is cut. */
  end(): void {
    if (this.#isAtEnd) return
    const isBetween = this.#data === 0 && this.#padding === 0 && this.#heldLength === 0 && this.#next === this.#onHeader
    if (!isBetween || this.#records.length > 0 || this.#longName !== undefined || this.#longLink !== undefined)
      throw damaged('it ends in the middle of an entry')
  }

  #take(piece: Buffer): void {
    if (this.#heldLength === 0 && piece.length === this.#wanted) return this.#next(piece)
    this.#held.push(Buffer.from(piece))
    this.#heldLength += piece.length
    if (this.#heldLength < this.#wanted) return
    const bytes = Buffer.concat(this.#held)
    this.#held.length = 0
    this.#heldLength = 0
    this.#next(bytes)
  }

  #expect(wanted: number, next: (bytes: Buffer) => void): void {
    this.#wanted = wanted
    this.#next = next
    if (wanted === 0) this.#next(Buffer.alloc(0))
  }

  #expectHeader(): void {
    this.#expect(BLOCK, this.#onHeader)
  }

  #readHeader(block: Buffer): void {
    if (isZero(block)) {
      this.#isAtEnd = ++this.#zeroBlocks === 2
      return
    }
    if (this.#zeroBlocks > 0) throw damaged('a block of zeros lies between two entries')
    const header = readHeader(block)
    if (EXTENDED.has(header.type)) return this.#expectExtended(header)
    if (header.type === 'S') return this.#readOldSparse(Buffer.from(block), header)
    if (BODILESS.has(header.type)) return this.#pass(block, { ...header, size: 0 }, undefined)
    const size = this.#sizeOf(header)
    const sparse = readPaxSparse(this.#records)
    if (sparse === undefined) return this.#pass(block, { ...header, size }, undefined)
    if (sparse.fragments === undefined) return this.#readMap(Buffer.from(block), { ...header, size }, sparse.size)
    this.#pass(block, { ...header, size }, checkSparse({ fragments: sparse.fragments, size: sparse.size }, size))
  }

  #sizeOf({ size }: Header): number {
    const told = this.#records.findLast(([key]) => key === 'size')?.[1]
    return told === undefined || told === '' ? size : parseDecimal(told, 'the size of an entry')
  }

  #expectExtended({ type, size }: Header): void {
    if (size > EXTENDED_LIMIT) throw damaged(`an extended header has ${size} bytes`)
    this.#expect(padded(size), (bytes) => {
      const body = bytes.subarray(0, size)
      if (type === 'x') this.#records = parsePax(body)
      else if (type === 'L') this.#longName = upToNul(body)
      else if (type === 'K') this.#longLink = upToNul(body)
      this.#expectHeader()
    })
  }

  #readOldSparse(block: Buffer, header: Header): void {
    const stored = this.#sizeOf(header)
    const size = octetsToNumber(block, OLD_SPARSE.size, 12)
    const collect = (fragments: readonly Fragment[], hasMore: boolean): void => {
      if (fragments.length * 24 > MAP_LIMIT) throw damaged('a sparse file has too long a map')
      if (!hasMore) {
        this.#expectHeader()
        this.#pass(block, { ...header, type: '0', size: stored }, checkSparse({ fragments, size }, stored))
        return
      }
      this.#expect(BLOCK, (extension) =>
        collect(
          [...fragments, ...readSparseEntries(extension, 0, OLD_SPARSE.inExtension)],
          extension[OLD_SPARSE.moreInExtension] === 1,
        ),
      )
    }
    collect(readSparseEntries(block, OLD_SPARSE.entries, 4), block[OLD_SPARSE.more] === 1)
  }

  /** The map at the head of the data, block by block until it is whole. */
  #readMap(block: Buffer, header: Header, size: number): void {
    const map = new LeadingMap()
    const collect = (bytes: Buffer): void => {
      const stored = header.size - map.length - BLOCK
      if (stored < 0 || map.length >= MAP_LIMIT) throw damaged('a sparse file has no whole map')
      const fragments = map.add(bytes)
      if (fragments === undefined) return
      this.#expectHeader()
      this.#pass(block, { ...header, size: stored }, checkSparse({ fragments, size }, stored))
    }
    this.#expect(BLOCK, collect)
  }

  #pass(block: Buffer, header: Header, sparse: Sparse | undefined): void {
    const pax = new Map(this.#records)
    const told = (key: string): string | undefined => pax.get(key) || undefined
    const name = this.#longName ?? (sparse && told('GNU.sparse.name')) ?? told('path')
    const isSlashed = name === undefined ? hasSlashAtEnd(block) : name.endsWith('/')
    const isOldDirectory = header.type === '0' && isSlashed
    if (isOldDirectory && header.size > 0) throw damaged('a directory has data')
    const type = isOldDirectory ? '5' : header.type
    const facts = { ...header, type, name, linkname: this.#longLink ?? told('linkpath'), pax, sparse }
    this.#records = []
    this.#longName = this.#longLink = undefined
    this.#data = header.size
    this.#padding = padded(header.size) - header.size
    this.#output.entry(facts, rewriteHeader(block, { type, name: name && PLACEHOLDER }))
    if (header.size === 0) this.#output.end()
  }
}
