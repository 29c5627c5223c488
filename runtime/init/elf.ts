/**
 * A static ELF executable of two segments: code that cannot be written, data that cannot be executed (elf(5)). No
 * interpreter, no sections: the smallest thing that execve(2) accepts.
 */
const EHDR = 64
const PHDR = 56
const PF_X = 1
const PF_W = 2
const PF_R = 4
const PT_LOAD = 1
const PT_GNU_STACK = 0x6474e551
/** The largest page that either architecture uses, so that the two segments never share one. */
const PAGE = 0x10000

/** Where the first segment is loaded; the code follows the headers. */
const BASE = 0x400000
const HEADERS = EHDR + 3 * PHDR
export const CODE_ADDRESS = BASE + HEADERS
/** Data starts a (largest) page further on, at the same offset within a page as in the file. */
export const dataAddress = (codeLength: number): number => BASE + PAGE + HEADERS + align(codeLength, 16)

const align = (value: number, to: number) => Math.ceil(value / to) * to

/**
 * `zeroed`: bytes of zeroed memory behind the data, which take no room in the file. Fields of 64 bits are written by
 * their low half, since all is small and in low memory.
 */
export const buildElf = (machine: number, code: Uint8Array, data: Uint8Array, zeroed: number): Uint8Array => {
  const dataOffset = HEADERS + align(code.length, 16)
  const file = new Uint8Array(dataOffset + data.length)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // magic, 64 bit, little endian, version 1
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, machine, true)
  view.setUint32(20, 1, true)
  view.setUint32(24, CODE_ADDRESS, true)
  view.setUint32(32, EHDR, true)
  view.setUint16(52, EHDR, true)
  view.setUint16(54, PHDR, true)
  view.setUint16(56, 3, true)

  const segment = (
    index: number,
    type: number,
    flags: number,
    offset: number,
    address: number,
    size: number,
    memory = size,
  ) => {
    const at = EHDR + index * PHDR
    view.setUint32(at, type, true)
    view.setUint32(at + 4, flags, true)
    view.setUint32(at + 8, offset, true)
    view.setUint32(at + 16, address, true)
    view.setUint32(at + 24, address, true)
    view.setUint32(at + 32, size, true)
    view.setUint32(at + 40, memory, true)
    view.setUint32(at + 48, type === PT_LOAD ? PAGE : 16, true)
  }
  segment(0, PT_LOAD, PF_R | PF_X, 0, BASE, HEADERS + code.length)
  segment(1, PT_LOAD, PF_R | PF_W, dataOffset, dataAddress(code.length), data.length, data.length + zeroed)
  segment(2, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0)
  file.set(code, HEADERS)
  file.set(data, dataOffset)
  return file
}
