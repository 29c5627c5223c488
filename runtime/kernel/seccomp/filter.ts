/**
 * From `linux.seccomp` to the filter that the init program loads (seccomp(2), SECCOMP_SET_MODE_FILTER).
 * The order is: architecture, call number by a balanced tree, arguments. What rules mean is what libseccomp and runc
 * make of them, so that a profile behaves here as it does there; each such rule is named where it is kept.
 */
import { Failure } from '../../errors.ts'
import { syscallNumber, type Arch } from '../syscall-numbers.ts'
import { assemble, MAX_INSTRUCTIONS, mergeRanges, rangeTree, type Node, type Range } from './bpf.ts'
import { stringifyJson } from './json.ts'
import type { ActionName, LinuxSeccomp, SeccompArg, SeccompRule } from './profile.ts'
import { remember } from './remember.ts'

/** A filter ready to load. Reused between containers: do not write into `bytes`. */
export interface SeccompFilter {
  /** An array of struct sock_filter, 8 bytes each. */
  bytes: Uint8Array
  instructions: number
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  flags: number
}

/** AUDIT_ARCH_*, linux/audit.h: what the kernel puts in seccomp_data.arch. */
const AUDIT_ARCH: Record<Arch, number> = { x86_64: 0xc000003e, aarch64: 0xc00000b7 }

/** struct seccomp_data, linux/seccomp.h: {int nr; u32 arch; u64 instruction_pointer; u64 args[6]}, little-endian. */
const NR = 0
const ARCH = 4
const low = (index: number): number => 16 + 8 * index
const high = (index: number): number => low(index) + 4

/** __X32_SYSCALL_BIT: x32 calls come with the same AUDIT_ARCH as x86-64's, under other numbers. */
const X32 = 0x40000000

const EPERM = 1
const ENOSYS = 38

/** SECCOMP_RET_*, linux/seccomp.h. */
const RET_KILL_PROCESS = 0x80000000
const RET_KILL_THREAD = 0
const RET_TRAP = 0x00030000
const RET_ERRNO = 0x00050000
const RET_TRACE = 0x7ff00000
const RET_LOG = 0x7ffc0000
const RET_ALLOW = 0x7fff0000

/** SECCOMP_FILTER_FLAG_*. TSYNC is for many threads; the init program has one. */
const FLAGS: Record<string, number> = {
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
}

const returnValue = (action: ActionName, errnoRet: number = EPERM): number => {
  switch (action) {
    case 'SCMP_ACT_ALLOW':
      return RET_ALLOW
    case 'SCMP_ACT_ERRNO':
      return RET_ERRNO + errnoRet
    case 'SCMP_ACT_TRACE':
      return RET_TRACE + errnoRet
    case 'SCMP_ACT_LOG':
      return RET_LOG
    case 'SCMP_ACT_TRAP':
      return RET_TRAP
    case 'SCMP_ACT_KILL_PROCESS':
      return RET_KILL_PROCESS
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return RET_KILL_THREAD
  }
}

/** Verdicts are shared nodes, so that equal ones are the same object and ranges merge. */
const verdicts = (): ((value: number) => Node) => {
  const known = new Map<number, Node>()
  return (value) => {
    const node = known.get(value) ?? { kind: 'return', value }
    known.set(value, node)
    return node
  }
}

interface Clause {
  args: SeccompArg[]
  verdict: Node
}

/** What one call is answered: the verdict of a rule without arguments, else the first clause that holds. */
interface Answer {
  always?: Node
  clauses: Clause[]
}

/**
 * Rules by call number. libseccomp's order: the first rule without arguments speaks for the whole call, whatever rules
 * with arguments there are; runc's: a rule that says what the default says is not a rule.
 */
const gatherAnswers = (seccomp: LinuxSeccomp, arch: Arch, verdict: (value: number) => Node): Map<number, Answer> => {
  const byDefault = returnValue(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const answers = new Map<number, Answer>()
  for (const rule of seccomp.syscalls ?? []) {
    const value = returnValue(rule.action, rule.errnoRet)
    if (value === byDefault) continue
    for (const name of rule.names) {
      const number = syscallNumber(arch, name)
      if (number === undefined) continue
      const answer = answers.get(number) ?? { clauses: [] }
      answers.set(number, answer)
      if (rule.args === undefined || rule.args.length === 0) answer.always ??= verdict(value)
      else answer.clauses.push(...clausesOf(rule.args).map((args) => ({ args, verdict: verdict(value) })))
    }
  }
  return answers
}

/** Comparisons of different arguments must all hold; two of the same argument are alternatives (runc, matchCall). */
const clausesOf = (args: readonly SeccompArg[]): SeccompArg[][] =>
  new Set(args.map((arg) => arg.index)).size === args.length ? [[...args]] : args.map((arg) => [arg])

const LOW_32 = 0xffffffffn
const halves = (value: number | bigint): { hi: number; lo: number } => ({
  hi: Number(BigInt(value) >> 32n),
  lo: Number(BigInt(value) & LOW_32),
})

/** One comparison of a 64-bit argument as comparisons of its halves; the high half decides unless it is equal. */
const compare = ({ index, op, value, valueTwo = 0 }: SeccompArg, yes: Node, no: Node): Node => {
  const { hi, lo } = halves(value)
  const loadLow = (next: Node): Node => ({ kind: 'load', offset: low(index), next })
  const loadHigh = (next: Node): Node => ({ kind: 'load', offset: high(index), next })
  const test = (kind: 'eq' | 'gt' | 'ge', constant: number, then: Node, otherwise: Node): Node => ({
    kind: 'test',
    op: kind,
    value: constant,
    yes: then,
    no: otherwise,
  })
  const equal = (then: Node, otherwise: Node): Node =>
    loadHigh(test('eq', hi, loadLow(test('eq', lo, then, otherwise)), otherwise))
  const above = (orEqual: 'gt' | 'ge', then: Node, otherwise: Node): Node =>
    loadHigh(test('gt', hi, then, test('eq', hi, loadLow(test(orEqual, lo, then, otherwise)), otherwise)))
  switch (op) {
    case 'SCMP_CMP_EQ':
      return equal(yes, no)
    case 'SCMP_CMP_NE':
      return equal(no, yes)
    case 'SCMP_CMP_GT':
      return above('gt', yes, no)
    case 'SCMP_CMP_GE':
      return above('ge', yes, no)
    case 'SCMP_CMP_LE':
      return above('gt', no, yes)
    case 'SCMP_CMP_LT':
      return above('ge', no, yes)
    case 'SCMP_CMP_MASKED_EQ': {
      const wanted = halves(valueTwo)
      const masked = (mask: number, constant: number, then: Node): Node => ({
        kind: 'and',
        mask,
        next: test('eq', constant, then, no),
      })
      return loadHigh(masked(hi, wanted.hi, loadLow(masked(lo, wanted.lo, yes))))
    }
  }
}

const holds = (argument: bigint, { op, value }: SeccompArg): boolean => {
  const constant = BigInt(value)
  switch (op) {
    case 'SCMP_CMP_EQ':
      return argument === constant
    case 'SCMP_CMP_NE':
      return argument !== constant
    case 'SCMP_CMP_GT':
      return argument > constant
    case 'SCMP_CMP_GE':
      return argument >= constant
    case 'SCMP_CMP_LE':
      return argument <= constant
    case 'SCMP_CMP_LT':
      return argument < constant
    case 'SCMP_CMP_MASKED_EQ':
      throw new TypeError('a masked comparison has no ranges')
  }
}

/**
 * Clauses that only compare one and the same argument cut its 64 bits into ranges: a tree instead of a chain. The
 * default profile's `socket` rule has twenty clauses; so it takes five comparisons instead of up to eighty.
 */
const argumentTree = (index: number, clauses: readonly Clause[], otherwise: Node): Node => {
  const cuts = new Set([0n])
  for (const { args } of clauses)
    for (const { value } of args) {
      cuts.add(BigInt(value))
      if (BigInt(value) < (1n << 64n) - 1n) cuts.add(BigInt(value) + 1n)
    }
  const at = (start: bigint): Node =>
    clauses.find(({ args }) => args.every((arg) => holds(start, arg)))?.verdict ?? otherwise
  const starts = [...cuts].sort((a, b) => (a < b ? -1 : 1))
  const highs: Range[] = []
  for (const hi of new Set(starts.map((start) => Number(start >> 32n)))) {
    const base = BigInt(hi) << 32n
    const within = starts.filter((start) => start >> 32n === BigInt(hi))
    // Between two cuts the verdict is that of any value there: ask for the first of this high half.
    const lows = [...new Set([base, ...within])].map((start) => ({ start: Number(start & LOW_32), node: at(start) }))
    const merged = mergeRanges(lows)
    highs.push({
      start: hi,
      node: merged.length === 1 ? rangeTree(merged) : { kind: 'load', offset: low(index), next: rangeTree(merged) },
    })
    if (hi < 0xffffffff) highs.push({ start: hi + 1, node: at(base + (1n << 32n)) })
  }
  // A high half with cuts of its own comes after what the half before it guessed for it, and replaces that.
  const byStart = new Map(highs.map((range) => [range.start, range]))
  const ranges = mergeRanges([...byStart.values()].sort((a, b) => a.start - b.start))
  return { kind: 'load', offset: high(index), next: rangeTree(ranges) }
}

const tooLong = (fact: string): Failure =>
  new Failure(`seccomp filter ${fact}, more than ${MAX_INSTRUCTIONS}`, {
    id: 'seccomp.size',
    why: `the kernel takes BPF programs of at most ${MAX_INSTRUCTIONS} instructions`,
    try: 'use fewer rules with arguments',
    see: 'seccomp(2)',
    exitCode: 125,
    status: 400,
  })

/** Load and test of both halves of an argument. */
const LEAST_OF_CLAUSE = 4

const answerNode = (answer: Answer, otherwise: Node): Node => {
  if (answer.always !== undefined) return answer.always
  if (answer.clauses.length > MAX_INSTRUCTIONS) throw tooLong(`has ${answer.clauses.length} conditions for one call`)
  const args = answer.clauses.flatMap((clause) => clause.args)
  const index = args[0]?.index
  if (index !== undefined && args.every((arg) => arg.index === index && arg.op !== 'SCMP_CMP_MASKED_EQ'))
    return argumentTree(index, answer.clauses, otherwise)
  // A chain is as deep as it is long: refuse before the layout's recursion what cannot fit anyway.
  const chain = answer.clauses.length * LEAST_OF_CLAUSE
  if (chain > MAX_INSTRUCTIONS) throw tooLong(`has at least ${chain} instructions`)
  return answer.clauses.reduceRight(
    (no, clause) => clause.args.reduceRight((yes, arg) => compare(arg, yes, no), clause.verdict),
    otherwise,
  )
}

/** Defaults under which a call newer than the profile may go on; runc's isAllowAction. */
const PERMISSIVE: readonly ActionName[] = ['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE']

/** Which range of call numbers gets which answer. */
const numberRanges = (seccomp: LinuxSeccomp, arch: Arch): Range[] => {
  const verdict = verdicts()
  const otherwise = verdict(returnValue(seccomp.defaultAction, seccomp.defaultErrnoRet))
  const noSuchCall = verdict(RET_ERRNO + ENOSYS)
  const answers = gatherAnswers(seccomp, arch, verdict)
  const starts = new Map<number, Node>([[0, otherwise]])
  const last = lastNumber(seccomp, arch)
  // A libc that tries a new call and falls back on ENOSYS would stop at EPERM: what is newer than the profile's newest
  // call does not exist (runc, libcontainer/seccomp/patchbpf).
  if (last !== undefined && !PERMISSIVE.includes(seccomp.defaultAction)) starts.set(last + 1, noSuchCall)
  if (arch === 'x86_64') starts.set(X32, noSuchCall)
  for (const [number, answer] of answers) {
    starts.set(number, answerNode(answer, otherwise))
    if (!answers.has(number + 1) && !starts.has(number + 1)) starts.set(number + 1, otherwise)
  }
  return mergeRanges([...starts].map(([start, node]) => ({ start, node })).sort((a, b) => a.start - b.start))
}

/** The highest call number that any rule names; undefined where this architecture has none of the names. */
const lastNumber = (seccomp: LinuxSeccomp, arch: Arch): number | undefined => {
  let last: number | undefined
  for (const rule of seccomp.syscalls ?? [])
    for (const name of rule.names) {
      const number = syscallNumber(arch, name)
      if (number !== undefined && number > (last ?? -1)) last = number
    }
  return last
}

/**
 * Compiles the rules for one architecture. A call of another (i386 on x86-64, arm on aarch64) kills the process: under
 * its numbers every rule would mean another call. x32 calls do not exist (ENOSYS). Names that the architecture lacks
 * are passed over (unknownSyscalls lists them). Failure `seccomp.flag`, `seccomp.size` (over 4096 instructions), 125.
 */
export const compileFilter = (seccomp: LinuxSeccomp, arch: Arch): SeccompFilter => {
  const flags = (seccomp.flags ?? []).reduce((bits, flag) => {
    const bit = FLAGS[flag]
    if (bit !== undefined) return bits | bit
    throw new Failure(`seccomp flag ${flag} is not supported`, {
      id: 'seccomp.flag',
      try: `use only ${Object.keys(FLAGS).join(', ')}`,
      see: 'seccomp(2)',
      exitCode: 125,
      status: 400,
    })
  }, 0)
  const tree: Node = { kind: 'load', offset: NR, next: rangeTree(numberRanges(seccomp, arch)) }
  const foreign: Node = { kind: 'return', value: RET_KILL_PROCESS }
  const root: Node = {
    kind: 'load',
    offset: ARCH,
    next: { kind: 'test', op: 'eq', value: AUDIT_ARCH[arch], yes: tree, no: foreign },
  }
  const bytes = assemble(root)
  const instructions = bytes.length / 8
  if (instructions > MAX_INSTRUCTIONS) throw tooLong(`has ${instructions} instructions`)
  return { bytes, instructions, flags }
}

/** Names in the rules that this architecture has not (or that are newer than our table): for explain, sorted. */
export const unknownSyscalls = (seccomp: { syscalls?: SeccompRule[] }, arch: Arch): string[] =>
  [...new Set((seccomp.syscalls ?? []).flatMap((rule) => rule.names))]
    .filter((name) => syscallNumber(arch, name) === undefined)
    .sort()

const filters = new WeakMap<LinuxSeccomp, SeccompFilter>()
const filtersByText = new Map<string, SeccompFilter>()

/**
 * The filter of `linux.seccomp`. Compiled once: an object is known again (it must therefore not be changed after its
 * first use), and so is one with the same content, read from a file say. Failures of compileFilter.
 */
export const planFilter = (seccomp: LinuxSeccomp, arch: Arch): SeccompFilter => {
  const known = filters.get(seccomp)
  if (known !== undefined) return known
  const filter = remember(filtersByText, `${arch} ${stringifyJson(seccomp)}`, () => compileFilter(seccomp, arch))
  filters.set(seccomp, filter)
  return filter
}
