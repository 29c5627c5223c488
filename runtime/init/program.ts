/**
 * Compiles a list of system calls into a static executable: records (record.ts) and the data that they point to, behind
 * the runner of the architecture. Pure: the bytes depend on nothing but the list.
 */
import { Failure } from '../errors.ts'
import { syscallNumber, type Arch } from '../kernel/syscall-numbers.ts'
import { AARCH64 } from './aarch64.ts'
import { ERRNO, type At, type Call, type Operand } from './call.ts'
import { buildElf, dataAddress } from './elf.ts'
import { OFFSET, RECORD_SIZE } from './record.ts'
import { X86_64 } from './x86_64.ts'

const ARCHITECTURES = { x86_64: X86_64, aarch64: AARCH64 }

export const hostArch = (arch: string = process.arch): Arch => (arch === 'arm64' ? 'aarch64' : 'x86_64')

/** The two words where the runner notes a failure: the record's address, the negative errno. */
export const FAILURE = 'failure'
/** Label of the first call after an error that is not tolerated; without one the program ends with exit_group(125). */
export const FATAL = 'fatal'

const EXIT_ON_ERROR: Call = {
  id: 'program.fatal',
  why: '',
  man: 'exit_group(2)',
  call: 'exit_group',
  args: [125],
  label: FATAL,
}

export interface Program {
  /** The executable. */
  elf: Uint8Array
  /** The call that a failure's first word (an address in the program) means. */
  callAt: (address: bigint) => Call | undefined
  /** Where named memory lies while it runs: for who fills it with pointers into itself. */
  addressOf: (name: string) => number
}

export const compileProgram = (list: readonly Call[], arch: Arch = hostArch()): Program => {
  const withFatal = list.some((call) => call.label === FATAL) ? list : [...list, EXIT_ON_ERROR]
  const { machine, assemble, codeLength } = ARCHITECTURES[arch]
  const base = dataAddress(codeLength)
  const data = new Data(withFatal.length * RECORD_SIZE)
  data.reserve({ at: FAILURE, size: 16 })
  for (const call of withFatal) {
    call.args.forEach((operand) => data.place(operand))
    if (call.result !== undefined) data.reserve(call.result)
  }
  data.seal()

  const recordAt = new Map(withFatal.flatMap((call, index) => (call.label === undefined ? [] : [[call.label, index]])))
  const addressOfRecord = (label: string | undefined): number => {
    if (label === undefined) return 0
    const index = recordAt.get(label)
    if (index === undefined) throw new Error(`no call is labelled ${label}`)
    return base + index * RECORD_SIZE
  }
  const bytes = data.finish(base)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  withFatal.forEach((call, index) => {
    const word = (offset: number, value: number | bigint) => putWord(view, index * RECORD_SIZE + offset, value)
    word(OFFSET.number, callNumber(call.call, arch))
    call.args.forEach((operand, argument) => word(OFFSET.args + 8 * argument, data.valueOf(operand, base)))
    word(OFFSET.loads, loadMask(call.args))
    word(OFFSET.result, call.result === undefined ? 0 : data.addressOf(call.result, base))
    word(OFFSET.tolerate, tolerateMask(call))
    word(OFFSET.onError, addressOfRecord(call.onError))
    word(OFFSET.onZero, addressOfRecord(call.onZero))
  })
  const code = assemble({
    first: base,
    failure: data.addressOf({ at: FAILURE }, base),
    fatal: addressOfRecord(FATAL),
  })
  return {
    elf: buildElf(machine, code, bytes, data.zeroed),
    callAt: (address) => withFatal[(Number(address) - base) / RECORD_SIZE],
    addressOf: (name) => data.addressOf({ at: name }, base),
  }
}

/** 64 bits in two's complement, into zeroed memory. Thousands for a container, and nearly all are small: no BigInt then. */
const putWord = (view: DataView, at: number, value: number | bigint): void => {
  if (typeof value === 'bigint') view.setBigUint64(at, BigInt.asUintN(64, value), true)
  else if (value >= 0 && value <= 0xffffffff) view.setUint32(at, value, true)
  else view.setBigInt64(at, BigInt(value), true)
}

const callNumber = (name: string, arch: Arch): number => {
  if (name === 'jump') return -1
  const number = syscallNumber(arch, name)
  if (number === undefined) throw new Error(`${arch} has no system call ${name}`)
  return number
}

const loadMask = (args: readonly Operand[]): number =>
  args.reduce<number>((mask, operand, index) => (isLoad(operand) ? mask | (1 << index) : mask), 0)

const tolerateMask = ({ tolerate }: Call): number | bigint =>
  tolerate === undefined
    ? 0
    : tolerate === 'any'
      ? -1
      : tolerate.reduce((mask, name) => mask | (1n << BigInt(ERRNO[name])), 0n)

const isLoad = (operand: Operand): operand is { load: string; offset?: number } =>
  typeof operand === 'object' && 'load' in operand

/** What the records point to: each text once, each named memory once; the zeroed ones last, outside the file. */
class Data {
  private readonly texts = new Map<string, number>()
  private readonly blobs = new Map<Uint8Array, number>()
  private readonly arrays = new Map<Operand, number>()
  private readonly named = new Map<string, number>()
  private readonly reserved = new Map<string, number>()
  private end: number
  private initialised = 0

  constructor(recordsLength: number) {
    this.end = recordsLength
  }

  private take(size: number): number {
    const at = this.end
    this.end += Math.ceil(size / 8) * 8
    return at
  }

  reserve({ at, offset = 0, size = 8 }: At): void {
    this.reserved.set(at, Math.max(this.reserved.get(at) ?? 0, offset + size))
  }

  place(operand: Operand): void {
    if (typeof operand === 'string') {
      // The kernel would end it there. What a client sends is told by its name; this may come out of an image.
      if (operand.includes('\0'))
        throw new Failure(`${JSON.stringify(operand)} has a NUL byte in it`, { id: 'program.text' })
      if (!this.texts.has(operand)) this.texts.set(operand, this.take(Buffer.byteLength(operand) + 1))
    } else if (typeof operand !== 'object') return
    else if ('bytes' in operand) {
      if (!this.blobs.has(operand.bytes)) this.blobs.set(operand.bytes, this.take(operand.bytes.length))
    } else if ('words' in operand) {
      if (this.arrays.has(operand)) return
      const at = this.take(8 * (operand.words.length + 1))
      this.arrays.set(operand, at)
      if (operand.as !== undefined) {
        if (this.named.has(operand.as)) throw new Error(`memory ${operand.as} is defined twice`)
        this.named.set(operand.as, at)
      }
      operand.words.forEach((word) => this.place(word))
    } else if ('at' in operand) this.reserve(operand)
    else if ('load' in operand) this.reserve({ at: operand.load, offset: operand.offset ?? 0, size: 4 })
  }

  /** After the last place(): what is only reserved goes behind what has a value. */
  seal(): void {
    this.initialised = this.end
    for (const [name, size] of this.reserved) if (!this.named.has(name)) this.named.set(name, this.take(size))
  }

  get zeroed(): number {
    return this.end - this.initialised
  }

  addressOf({ at, offset = 0 }: At, base: number): number {
    return placed(base, this.named.get(at)) + offset
  }

  valueOf(operand: Operand, base: number): number | bigint {
    if (typeof operand === 'string') return placed(base, this.texts.get(operand))
    if (typeof operand !== 'object') return operand
    if ('bytes' in operand) return placed(base, this.blobs.get(operand.bytes))
    if ('words' in operand) return placed(base, this.arrays.get(operand))
    if ('load' in operand) return this.addressOf({ at: operand.load, offset: operand.offset ?? 0 }, base)
    if ('at' in operand) return this.addressOf(operand, base)
    return operand.value
  }

  finish(base: number): Uint8Array {
    const bytes = Buffer.alloc(this.initialised)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (const [text, at] of this.texts) bytes.write(text, at)
    for (const [blob, at] of this.blobs) bytes.set(blob, at)
    for (const [operand, at] of this.arrays) {
      if (typeof operand !== 'object' || !('words' in operand)) continue
      operand.words.forEach((word, index) => putWord(view, at + 8 * index, this.valueOf(word, base)))
    }
    return bytes
  }
}

const placed = (base: number, offset: number | undefined): number => {
  if (offset === undefined) throw new Error('an operand was not placed')
  return base + offset
}
