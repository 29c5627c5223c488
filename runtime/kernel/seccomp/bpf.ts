/**
 * A classic BPF program, assembled: the form in which the kernel takes a seccomp filter (seccomp(2), linux/filter.h).
 * Programs are built as a graph of nodes and laid out from the end, since BPF only jumps forward: whoever jumps comes
 * after its targets are placed. A conditional jump reaches 255 instructions; what lies further gets a stepping stone.
 */

/** Opcodes, linux/bpf_common.h: class | size or operation | source. */
const LD_W_ABS = 0x20
const JMP_JA = 0x05
const JMP_JEQ_K = 0x15
const JMP_JGT_K = 0x25
const JMP_JGE_K = 0x35
const ALU_AND_K = 0x54
const RET_K = 0x06

/** BPF_MAXINSNS, linux/bpf_common.h. */
export const MAX_INSTRUCTIONS = 4096
const INSTRUCTION_BYTES = 8
const MAX_REACH = 255

/** A verdict. */
export interface Return {
  kind: 'return'
  value: number
}
/** The 32-bit word of struct seccomp_data at this offset becomes the accumulator. */
export interface Load {
  kind: 'load'
  offset: number
  next: Node
}
export interface And {
  kind: 'and'
  mask: number
  next: Node
}
/** Accumulator compared with a constant, unsigned 32-bit. */
export interface Test {
  kind: 'test'
  op: 'eq' | 'gt' | 'ge'
  value: number
  yes: Node
  no: Node
}
export type Node = Return | Load | And | Test

const TEST_CODE = { eq: JMP_JEQ_K, gt: JMP_JGT_K, ge: JMP_JGE_K } as const

interface Instruction {
  code: number
  jt: number
  jf: number
  k: number
}

/** Values from `start` up to the next range's start lead to `node`; ranges ascend and the first starts at 0. */
export interface Range {
  start: number
  node: Node
}

/** Neighbours that lead to the same node are one range. */
export const mergeRanges = (ranges: readonly Range[]): Range[] =>
  ranges.filter((range, index) => index === 0 || range.node !== ranges[index - 1]?.node)

/** A balanced tree over the accumulator's value: n ranges take about log2(n) comparisons. */
export const rangeTree = (ranges: readonly Range[]): Node => {
  const [first, second, third] = ranges
  if (first === undefined) throw new RangeError('a range tree needs a range')
  if (second === undefined) return first.node
  // One value among others, the commonest leaf: one comparison instead of two.
  if (ranges.length === 3 && third !== undefined && first.node === third.node && third.start === second.start + 1)
    return { kind: 'test', op: 'eq', value: second.start, yes: second.node, no: first.node }
  const middle = ranges.length >> 1
  const start = ranges[middle]?.start ?? 0
  const [no, yes] = [rangeTree(ranges.slice(0, middle)), rangeTree(ranges.slice(middle))]
  return { kind: 'test', op: 'ge', value: start, yes, no }
}

/** Lays a graph out from its last instruction to its first; the array is in that, reversed, order. */
class Layout {
  readonly reversed: Instruction[] = []
  private readonly places = new Map<Node, number>()

  place(node: Node): void {
    if (this.places.has(node)) return
    switch (node.kind) {
      case 'return':
        this.push({ code: RET_K, jt: 0, jf: 0, k: node.value })
        break
      case 'load':
      case 'and':
        this.place(node.next)
        if (this.distance(node.next) > 0) this.stone(node.next)
        this.push(
          node.kind === 'load'
            ? { code: LD_W_ABS, jt: 0, jf: 0, k: node.offset }
            : { code: ALU_AND_K, jt: 0, jf: 0, k: node.mask },
        )
        break
      case 'test':
        this.place(node.no)
        this.place(node.yes)
        // Each stone moves the other target one further away, so look at both again.
        while (this.distance(node.no) > MAX_REACH || this.distance(node.yes) > MAX_REACH)
          this.stone(this.distance(node.no) > MAX_REACH ? node.no : node.yes)
        this.push({
          code: TEST_CODE[node.op],
          jt: this.distance(node.yes),
          jf: this.distance(node.no),
          k: node.value,
        })
        break
    }
    this.places.set(node, this.reversed.length - 1)
  }

  /** How many instructions the next one would have to skip to reach the node. */
  private distance(node: Node): number {
    return this.reversed.length - 1 - (this.places.get(node) ?? 0)
  }

  /** A nearer way to a node: a verdict is simply given again, anything else is jumped to. */
  private stone(node: Node): void {
    this.push(
      node.kind === 'return'
        ? { code: RET_K, jt: 0, jf: 0, k: node.value }
        : { code: JMP_JA, jt: 0, jf: 0, k: this.distance(node) },
    )
    this.places.set(node, this.reversed.length - 1)
  }

  private push(instruction: Instruction): void {
    this.reversed.push(instruction)
  }
}

/**
 * The program as an array of struct sock_filter: {u16 code, u8 jt, u8 jf, u32 k}, little-endian, 8 bytes each.
 * It may be longer than MAX_INSTRUCTIONS: who called has the words to say so.
 */
export const assemble = (root: Node): Uint8Array => {
  const layout = new Layout()
  layout.place(root)
  const program = layout.reversed.reverse()
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES))
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(index * INSTRUCTION_BYTES, code, true)
    view.setUint8(index * INSTRUCTION_BYTES + 2, jt)
    view.setUint8(index * INSTRUCTION_BYTES + 3, jf)
    view.setUint32(index * INSTRUCTION_BYTES + 4, k, true)
  }
  return new Uint8Array(view.buffer)
}
