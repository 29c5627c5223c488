/**
 * A header block of 512 bytes (POSIX.1 pax, "ustar Interchange Format"; GNU's tar.h): what must be known to find the
 * next one. As strict as Go's archive/tar, which podman, umoci and containerd read layers with: where two readers see
 * different entries in one archive, what was scanned is not what is unpacked.
 */
import { damaged } from './refusal.ts'

export const BLOCK = 512

const FIELDS = { mode: [100, 8], uid: [108, 8], gid: [116, 8], size: [124, 12], mtime: [136, 12] } as const
const CHECKSUM = 148
const TYPE = 156
const PREFIX = 345
const [SPACE, NUL, ZERO, SEVEN, SLASH] = [0x20, 0, 0x30, 0x37, 0x2f]

export interface Header {
  /** A letter or digit; NUL is told as '0'. */
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds since the epoch. */
  readonly mtime: number
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0)

const checksumOf = (block: Buffer): number => {
  let sum = 8 * SPACE
  for (let at = 0; at < CHECKSUM; at++) sum += block[at] ?? 0
  for (let at = CHECKSUM + 8; at < BLOCK; at++) sum += block[at] ?? 0
  return sum
}

/** Octal digits between blanks, or GNU's base 256 in two's complement. @throws Failure `image.layer`. */
export const octetsToNumber = (block: Buffer, from: number, length: number): number => {
  const end = from + length
  if ((block[from] ?? 0) >= 0x80) return readBinary(block.subarray(from, end))
  let at = from
  while (at < end && (block[at] === SPACE || block[at] === NUL)) at++
  let value = 0
  for (let byte = block[at]; at < end && byte !== undefined && byte >= ZERO && byte <= SEVEN; byte = block[++at])
    value = value * 8 + byte - ZERO
  while (at < end && (block[at] === SPACE || block[at] === NUL)) at++
  if (at < end) throw damaged('a tar header has a field that is no number')
  return value
}

const readBinary = (field: Buffer): number => {
  const negative = ((field[0] ?? 0) & 0x40) !== 0
  let value = BigInt((field[0] ?? 0) & 0x7f) - (negative ? 0x80n : 0n)
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte)
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw damaged('a tar header has a number that is out of all bounds')
  return number
}

/** @throws Failure `image.layer`. */
export const readHeader = (block: Buffer): Header => {
  if (octetsToNumber(block, CHECKSUM, 8) !== checksumOf(block)) throw damaged('a tar header has a wrong checksum')
  const field = (name: keyof typeof FIELDS): number => octetsToNumber(block, FIELDS[name][0], FIELDS[name][1])
  const size = field('size')
  if (size < 0) throw damaged('a tar header has a negative size')
  return {
    type: block[TYPE] === NUL ? '0' : String.fromCharCode(block[TYPE] ?? 0),
    mode: field('mode'),
    uid: field('uid'),
    gid: field('gid'),
    size,
    mtime: field('mtime'),
  }
}

/** Old archives mark a directory by a slash at the end of its name, and by nothing else. */
export const hasSlashAtEnd = (block: Buffer): boolean => {
  const end = block.subarray(0, 100).indexOf(NUL)
  return block[(end === -1 ? 100 : end) - 1] === SLASH
}

/**
 * A copy for tar-stream, of an entry without data, and with another type or name where it would misread this one: a
 * name that comes from elsewhere must not be looked at here.
 */
export const rewriteHeader = (
  block: Buffer,
  { type, name }: { readonly type: string; readonly name?: string | undefined },
): Buffer => {
  const copy = Buffer.from(block)
  const [size, sizeLength] = FIELDS.size
  if (name !== undefined) {
    copy.fill(0, 0, 100).fill(0, PREFIX, BLOCK)
    copy.write(name, 'latin1')
  }
  copy.write(type, TYPE, 'latin1')
  copy.fill(ZERO, size, size + sizeLength - 1)
  copy[size + sizeLength - 1] = NUL
  copy.write(`${checksumOf(copy).toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1')
  return copy
}
