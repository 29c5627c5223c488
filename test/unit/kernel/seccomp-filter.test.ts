import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilter, planFilter, unknownSyscalls } from '../../../runtime/kernel/seccomp/filter.ts'
import { OPERATORS, type LinuxSeccomp, type SeccompArg } from '../../../runtime/kernel/seccomp/profile.ts'
import { syscallNumbers, type Arch } from '../../../runtime/kernel/syscall-numbers.ts'
import { check, decode, run } from './bpf-interpreter.ts'

const AUDIT = { x86_64: 0xc000003e, aarch64: 0xc00000b7 }
const ALLOW = 0x7fff0000
const ERRNO = 0x00050000
const KILL_PROCESS = 0x80000000
const U64 = (1n << 64n) - 1n

const x86 = (nr: number, ...args: bigint[]) => ({ arch: AUDIT.x86_64, nr, args })
const verdict = (seccomp: LinuxSeccomp, nr: number, ...args: bigint[]) =>
  run(compileFilter(seccomp, 'x86_64').bytes, x86(nr, ...args)).verdict

/** The rules evaluated as they read, without ranges, trees or jumps. */
const evaluate = (seccomp: LinuxSeccomp, arch: Arch, nr: number, args: bigint[]): number => {
  const value = (action: string, errno = 1): number =>
    ({
      SCMP_ACT_ALLOW: ALLOW,
      SCMP_ACT_ERRNO: ERRNO + errno,
      SCMP_ACT_KILL: 0,
      SCMP_ACT_KILL_THREAD: 0,
      SCMP_ACT_KILL_PROCESS: KILL_PROCESS,
      SCMP_ACT_TRAP: 0x30000,
      SCMP_ACT_LOG: 0x7ffc0000,
      SCMP_ACT_TRACE: 0x7ff00000 + errno,
    })[action] ?? NaN
  const numbers = syscallNumbers(arch)
  const byDefault = value(seccomp.defaultAction, seccomp.defaultErrnoRet)
  if (arch === 'x86_64' && nr >= 0x40000000) return ERRNO + 38
  const named = (seccomp.syscalls ?? []).flatMap((rule) => rule.names.map((name) => numbers.get(name) ?? -1))
  const strict = !['SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'].includes(seccomp.defaultAction)
  if (strict && named.some((number) => number >= 0) && nr > Math.max(...named)) return ERRNO + 38
  const rules = (seccomp.syscalls ?? [])
    .filter((rule) => rule.names.some((name) => numbers.get(name) === nr))
    .map((rule) => ({ verdict: value(rule.action, rule.errnoRet), args: rule.args ?? [] }))
    .filter((rule) => rule.verdict !== byDefault)
  const whole = rules.find((rule) => rule.args.length === 0)
  if (whole !== undefined) return whole.verdict
  const matches = (arg: SeccompArg): boolean => {
    const given = args[arg.index] ?? 0n
    const [one, two] = [BigInt(arg.value), BigInt(arg.valueTwo ?? 0)]
    if (arg.op === 'SCMP_CMP_EQ') return given === one
    if (arg.op === 'SCMP_CMP_NE') return given !== one
    if (arg.op === 'SCMP_CMP_LT') return given < one
    if (arg.op === 'SCMP_CMP_LE') return given <= one
    if (arg.op === 'SCMP_CMP_GT') return given > one
    if (arg.op === 'SCMP_CMP_GE') return given >= one
    return (given & one) === two
  }
  const repeats = (list: SeccompArg[]) => new Set(list.map((arg) => arg.index)).size < list.length
  return (
    rules.find((rule) => (repeats(rule.args) ? rule.args.some(matches) : rule.args.every(matches)))?.verdict ??
    byDefault
  )
}

describe('the filter means what the rules say', () => {
  const CALLS = ['read', 'write', 'openat', 'clone', 'socket', 'personality', 'mseal', 'no_such_call']
  /** Values that differ in one half, or by one, find wrong comparisons sooner than random ones. */
  const u64 = fc.oneof(
    fc.constantFrom(0n, 1n, 2n, 40n, 0xffffffffn, 0x100000000n, 0x100000001n, 0x1_0000_0028n, U64 - 1n, U64),
    fc.bigInt(0n, U64),
  )
  const arg = fc.record({ index: fc.nat(2), value: u64, valueTwo: u64, op: fc.constantFrom(...OPERATORS) })
  const action = fc.constantFrom(
    ...(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP'] as const),
    ...(['SCMP_ACT_LOG', 'SCMP_ACT_TRACE'] as const),
  )
  const rule = fc.record({
    names: fc.array(fc.constantFrom(...CALLS), { minLength: 1, maxLength: 3 }),
    action,
    errnoRet: fc.constantFrom(1, 22, 38),
    args: fc.array(arg, { maxLength: 3 }),
  })
  const seccomp = fc.record({
    defaultAction: action,
    defaultErrnoRet: fc.constantFrom(1, 38),
    syscalls: fc.array(rule, { maxLength: 12 }),
  })
  const arch = fc.constantFrom<Arch>('x86_64', 'aarch64')

  test('any rules, any call, both architectures', () => {
    fc.assert(
      fc.property(
        seccomp,
        arch,
        fc.array(fc.tuple(fc.nat(500), u64, u64, u64), { minLength: 20 }),
        (rules, on, tries) => {
          const filter = compileFilter(rules, on)
          check(filter.bytes)
          const values = rules.syscalls.flatMap((each) => each.args.map((one) => one.value))
          const numbers = CALLS.map((name) => syscallNumbers(on).get(name) ?? 1000)
          const calls = tries.flatMap(([nr, ...args]) => [
            [nr, args] as const,
            ...numbers.map((number) => [number, args] as const),
            ...values.flatMap((value) => numbers.map((number) => [number, [value, value, value]] as const)),
          ])
          const wrong = calls.filter(
            ([nr, args]) =>
              run(filter.bytes, { arch: AUDIT[on], nr, args: [...args] }).verdict !==
              evaluate(rules, on, nr, [...args]),
          )
          expect(wrong).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  })

  test.each(OPERATORS)('%s compares 64 bits, unsigned', (op) => {
    for (const value of [0n, 5n, 0xffffffffn, 0x100000000n, 0x8000000000000000n, U64]) {
      // The second condition, on another argument, keeps it from becoming a tree of ranges.
      for (const args of [
        [{ index: 3, value, valueTwo: 5n, op }],
        [{ index: 3, value, valueTwo: 5n, op }, NEVER_MIND],
      ]) {
        const rules: LinuxSeccomp = {
          defaultAction: 'SCMP_ACT_ERRNO',
          syscalls: [{ names: ['read', 'close'], action: 'SCMP_ACT_ALLOW', args }],
        }
        for (const given of [
          0n,
          4n,
          5n,
          6n,
          0xfffffffen,
          0xffffffffn,
          0x100000000n,
          0x100000005n,
          0x8000000000000000n,
          U64,
        ])
          expect([value, given, verdict(rules, 0, 0n, 0n, 0n, given)]).toEqual([
            value,
            given,
            evaluate(rules, 'x86_64', 0, [0n, 0n, 0n, given]),
          ])
      }
    }
  })
})

const NEVER_MIND: SeccompArg = { index: 5, value: 0, op: 'SCMP_CMP_GE' }

describe('what is around the rules', () => {
  const rules: LinuxSeccomp = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'openat2', 'no_such_call'], action: 'SCMP_ACT_ALLOW' }],
  }
  const { bytes } = compileFilter(rules, 'x86_64')

  test("another architecture's call kills the process: i386 read is x86-64 close", () => {
    expect(run(bytes, { arch: 0x40000003, nr: 0 }).verdict).toBe(KILL_PROCESS)
    expect(run(compileFilter(rules, 'aarch64').bytes, { arch: 0x40000028, nr: 63 }).verdict).toBe(KILL_PROCESS)
  })

  test('x32 calls do not exist, under any default', () => {
    expect(run(bytes, x86(0x40000000)).verdict).toBe(ERRNO + 38)
    expect(verdict({ defaultAction: 'SCMP_ACT_ALLOW' }, 0x40000000)).toBe(ERRNO + 38)
    expect(verdict({ defaultAction: 'SCMP_ACT_ALLOW' }, 0x3fffffff)).toBe(ALLOW)
    expect(verdict({ defaultAction: 'SCMP_ACT_ALLOW' }, 0xffffffff)).toBe(ERRNO + 38)
  })

  test('calls newer than the newest that the profile names do not exist either, so that a libc falls back', () => {
    expect(run(bytes, x86(437)).verdict).toBe(ALLOW)
    expect(run(bytes, x86(436)).verdict).toBe(ERRNO + 1)
    expect(run(bytes, x86(438)).verdict).toBe(ERRNO + 38)
    const unknown: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_KILL',
      syscalls: [{ names: ['no_such_call'], action: 'SCMP_ACT_ALLOW' }],
    }
    expect(verdict(unknown, 1)).toBe(0)
  })

  test('a rule without arguments speaks for the whole call, before or after others (libseccomp)', () => {
    const conditional = { names: ['read'], action: 'SCMP_ACT_KILL', args: [{ index: 0, value: 7, op: 'SCMP_CMP_EQ' }] }
    const whole = { names: ['read'], action: 'SCMP_ACT_ALLOW' }
    for (const syscalls of [
      [conditional, whole],
      [whole, conditional],
    ])
      expect(verdict({ defaultAction: 'SCMP_ACT_ERRNO', syscalls } as LinuxSeccomp, 0, 7n)).toBe(ALLOW)
  })

  test('names that the architecture lacks are listed for explain', () => {
    const more = { syscalls: [...(rules.syscalls ?? []), { names: ['open'], action: 'SCMP_ACT_ALLOW' as const }] }
    expect(unknownSyscalls(more, 'x86_64')).toEqual(['no_such_call'])
    expect(unknownSyscalls(more, 'aarch64')).toEqual(['no_such_call', 'open'])
  })

  test('flags become bits; an unknown one is refused', () => {
    const flags = ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_TSYNC']
    expect(compileFilter({ ...rules, flags }, 'x86_64').flags).toBe(6)
    expect(() => compileFilter({ ...rules, flags: ['SECCOMP_FILTER_FLAG_X'] }, 'x86_64')).toThrow(
      'seccomp flag SECCOMP_FILTER_FLAG_X is not supported',
    )
  })
})

describe('long programs', () => {
  /** n clauses that cannot become a tree, about four instructions each. */
  const chain = (n: number): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: Array.from({ length: n }, (_, index) => ({
      names: ['ioctl'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 2 + (index % 100),
      args: [
        { index: 1, value: 0x5400 + index, op: 'SCMP_CMP_EQ' },
        { index: 2, value: 9, op: 'SCMP_CMP_NE' },
      ],
    })),
  })

  test('a verdict more than 255 instructions away is given again nearer by', () => {
    const rules = chain(400)
    const filter = compileFilter(rules, 'x86_64')
    check(filter.bytes)
    expect(filter.instructions).toBeGreaterThan(2000)
    expect(decode(filter.bytes).filter(({ code, k }) => code === 0x06 && k === ERRNO + 1).length).toBeGreaterThan(1)
    for (let index = 0; index < 410; index++)
      for (const last of [9n, 10n])
        expect(run(filter.bytes, x86(16, 0n, BigInt(0x5400 + index), last)).verdict).toBe(
          evaluate(rules, 'x86_64', 16, [0n, BigInt(0x5400 + index), last]),
        )
    expect(run(filter.bytes, x86(15)).verdict).toBe(ERRNO + 1)
  })

  test('a test more than 255 instructions away is reached by a long jump', () => {
    const rules: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: Array.from({ length: 900 }, (_, index) => ({
        names: ['ioctl'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 2 + (index % 100),
        args: [{ index: 1, value: 3 * index, op: 'SCMP_CMP_EQ' }],
      })),
    }
    const filter = compileFilter(rules, 'x86_64')
    check(filter.bytes)
    expect(decode(filter.bytes).some(({ code, k }) => code === 0x05 && k > 255)).toBe(true)
    const values = Array.from({ length: 2710 }, (_, value) => BigInt(value))
    const answers = values.map((value) => run(filter.bytes, x86(16, 0n, value)))
    expect(answers.map(({ verdict: given }) => given)).toEqual(
      values.map((value) => (value % 3n === 0n && value < 2700n ? ERRNO + 2 + (Number(value / 3n) % 100) : ERRNO + 1)),
    )
    expect(Math.max(...answers.map(({ steps }) => steps))).toBeLessThan(30)
  })

  test('what the kernel would not take is refused, and says so', () => {
    expect(() => compileFilter(chain(700), 'x86_64')).toThrow(/^seccomp filter has \d+ instructions, more than 4096$/)
    expect(() => compileFilter(chain(2000), 'x86_64')).toThrow(
      'seccomp filter has at least 8000 instructions, more than 4096',
    )
    expect(() => compileFilter(chain(20_000), 'x86_64')).toThrow(
      'seccomp filter has 20000 conditions for one call, more than 4096',
    )
  })
})

test('a filter is compiled once: for an object, and for another of the same content', () => {
  const make = (name: string): LinuxSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: [name], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: U64, op: 'SCMP_CMP_EQ' }] }],
  })
  const first = planFilter(make('read'), 'x86_64')
  expect(planFilter(make('read'), 'x86_64')).toBe(first)
  expect(planFilter(make('write'), 'x86_64')).not.toBe(first)
  expect(planFilter(make('read'), 'aarch64')).not.toBe(first)
  for (let other = 0; other < 40; other++) planFilter({ ...make('read'), defaultErrnoRet: other }, 'x86_64')
  expect(planFilter(make('read'), 'x86_64')).not.toBe(first)
})
