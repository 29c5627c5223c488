/**
 * The runner for aarch64: walks the records and makes the calls. x19 is the record; the calling convention of
 * syscall(2): number in x8, arguments in x0..x5, negative errno in x0.
 */
import { Assembler } from './assembler.ts'
import { NOWHERE, OFFSET, RECORD_SIZE, type RunnerAddresses } from './record.ts'

const EM_AARCH64 = 183
const SVC = 0xd4000001

const ldr = (to: number, from: number, offset: number) => (0xf9400000 | ((offset / 8) << 10) | (from << 5) | to) >>> 0
const ldrWord = (to: number, from: number, offset: number) =>
  (0xb9400000 | ((offset / 4) << 10) | (from << 5) | to) >>> 0
const ldrSigned = (to: number, from: number) => (0xb9800000 | (from << 5) | to) >>> 0
const str = (value: number, base: number, offset: number) =>
  (0xf9000000 | ((offset / 8) << 10) | (base << 5) | value) >>> 0
const move = (to: number, from: number) => (0xaa0003e0 | (from << 16) | to) >>> 0
const addImmediate = (to: number, from: number, value: number) => (0x91000000 | (value << 10) | (from << 5) | to) >>> 0
const compareMinusOne = (register: number) => (0xb1000400 | (register << 5) | 31) >>> 0 // cmn xN, #1
const compare = (register: number, value: number) => (0xf1000000 | (value << 10) | (register << 5) | 31) >>> 0
const negate = (to: number, from: number) => (0xcb0003e0 | (from << 16) | to) >>> 0
const shiftRight = (to: number, from: number, by: number) => (0x9ac02400 | (by << 16) | (from << 5) | to) >>> 0
const zero = (to: number) => (0xd2800000 | to) >>> 0

/** Instructions whose distance (in words) lies in these bits. */
const branch = { opcode: 0x14000000, shift: 0, bits: 26 }
const condition = (code: number) => ({ opcode: (0x54000000 | code) >>> 0, shift: 5, bits: 19 })
const EQ = 0
const HI = 8
const ifZero = (register: number) => ({ opcode: (0xb4000000 | register) >>> 0, shift: 5, bits: 19 })
const ifNotZero = (register: number) => ({ opcode: (0xb5000000 | register) >>> 0, shift: 5, bits: 19 })
const testBit = (register: number, bit: number, set: boolean) => ({
  opcode: ((bit >= 32 ? 0xb6000000 : 0x36000000) | (set ? 0x01000000 : 0) | ((bit & 31) << 19) | register) >>> 0,
  shift: 5,
  bits: 14,
})
const loadLiteral = (to: number) => ({ opcode: (0x58000000 | to) >>> 0, shift: 5, bits: 19 })

export const assembleAarch64 = ({ first, failure, fatal }: RunnerAddresses): Uint8Array => {
  const code = new Assembler()
  const goto = ({ opcode, shift, bits }: { opcode: number; shift: number; bits: number }, label: string) =>
    code
      .fixup(label, (bytes, at, target) => {
        const distance = ((target - at) / 4) & (2 ** bits - 1)
        new DataView(bytes.buffer).setUint32(at, (opcode | (distance << shift)) >>> 0, true)
      })
      .word(0)

  goto(loadLiteral(19), 'first')
  code.label('next').word(ldrWord(9, 19, OFFSET.loads))
  for (let argument = 0; argument < 6; argument++) {
    code.word(ldr(argument, 19, OFFSET.args + 8 * argument))
    goto(testBit(9, argument, false), `literal${argument}`)
    code.word(ldrSigned(argument, argument)).label(`literal${argument}`)
  }
  code.word(ldr(8, 19, OFFSET.number)).word(compareMinusOne(8))
  goto(condition(EQ), 'no-call')
  code.word(SVC)
  goto(branch, 'called')
  code.label('no-call').word(zero(0))

  code.label('called').word(ldr(10, 19, OFFSET.result))
  goto(ifZero(10), 'unstored')
  code.word(str(0, 10, 0))
  code.label('unstored')
  goto(testBit(0, 63, true), 'error')
  goto(ifNotZero(0), 'advance')
  code.word(ldr(10, 19, OFFSET.onZero))
  code.label('follow')
  goto(ifZero(10), 'advance')
  code.word(move(19, 10))
  goto(branch, 'next')
  code.label('advance').word(addImmediate(19, 19, RECORD_SIZE))
  goto(branch, 'next')

  code
    .label('error')
    .word(ldr(12, 19, OFFSET.tolerate))
    .word(compareMinusOne(12))
  goto(condition(EQ), 'tolerated')
  code.word(negate(11, 0)).word(compare(11, 63))
  goto(condition(HI), 'fatal')
  code.word(shiftRight(13, 12, 11))
  goto(testBit(13, 0, true), 'tolerated')

  code.label('fatal')
  goto(loadLiteral(10), 'failure')
  code.word(str(19, 10, 0)).word(str(0, 10, 8))
  goto(loadLiteral(19), 'fatal-record')
  goto(branch, 'next')
  code.label('tolerated').word(ldr(10, 19, OFFSET.onError))
  goto(branch, 'follow')

  code.label('first').quad(first).label('failure').quad(failure).label('fatal-record').quad(fatal)
  return code.finish()
}

export const AARCH64 = {
  machine: EM_AARCH64,
  assemble: assembleAarch64,
  codeLength: assembleAarch64(NOWHERE).length,
}
