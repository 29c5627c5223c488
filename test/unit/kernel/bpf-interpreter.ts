/**
 * The kernel's view of a filter, for tests: runs struct sock_filter[] over a struct seccomp_data, and refuses what
 * seccomp_check_filter of kernel/seccomp.c and bpf_check_classic of net/core/filter.c would refuse.
 */
export interface SeccompCall {
  arch: number
  nr: number
  args?: bigint[]
}

interface Instruction {
  code: number
  jt: number
  jf: number
  k: number
}

const decoded = new WeakMap<Uint8Array, Instruction[]>()

export const decode = (bytes: Uint8Array): Instruction[] => {
  const known = decoded.get(bytes)
  if (known !== undefined) return known
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const program = Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: view.getUint16(index * 8, true),
    jt: view.getUint8(index * 8 + 2),
    jf: view.getUint8(index * 8 + 3),
    k: view.getUint32(index * 8 + 4, true),
  }))
  decoded.set(bytes, program)
  return program
}

/** Throws where the kernel would answer EINVAL at load time. */
export const check = (bytes: Uint8Array): void => {
  const program = decode(bytes)
  if (program.length === 0 || program.length > 4096) throw new Error(`length ${program.length}`)
  for (const [pc, { code, jt, jf, k }] of program.entries()) {
    const room = program.length - pc - 1
    if (code === 0x20 && (k % 4 !== 0 || k >= 64)) throw new Error(`load outside seccomp_data at ${pc}`)
    if (code === 0x05 && k >= room) throw new Error(`jump outside at ${pc}`)
    if ([0x15, 0x25, 0x35].includes(code) && (jt >= room || jf >= room)) throw new Error(`branch outside at ${pc}`)
    if (![0x20, 0x05, 0x15, 0x25, 0x35, 0x54, 0x06].includes(code)) throw new Error(`opcode ${code} at ${pc}`)
  }
  if (program.at(-1)?.code !== 0x06) throw new Error('the last instruction does not return')
}

/** The verdict, and how many instructions it took. */
export const run = (bytes: Uint8Array, call: SeccompCall): { verdict: number; steps: number } => {
  const data = new DataView(new ArrayBuffer(64))
  data.setUint32(0, call.nr, true)
  data.setUint32(4, call.arch, true)
  for (const [index, value] of (call.args ?? []).entries()) data.setBigUint64(16 + 8 * index, value, true)
  const program = decode(bytes)
  let accumulator = 0
  let steps = 0
  for (let pc = 0; ; pc++) {
    const instruction = program[pc]
    if (instruction === undefined) throw new Error(`ran off the end at ${pc}`)
    steps++
    const { code, jt, jf, k } = instruction
    if (code === 0x06) return { verdict: k, steps }
    if (code === 0x20) accumulator = data.getUint32(k, true)
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0
    else if (code === 0x05) pc += k
    else if (code === 0x15) pc += accumulator === k ? jt : jf
    else if (code === 0x25) pc += accumulator > k ? jt : jf
    else if (code === 0x35) pc += accumulator >= k ? jt : jf
    else throw new Error(`opcode ${code}`)
  }
}
