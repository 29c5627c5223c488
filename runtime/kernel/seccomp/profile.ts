/**
 * Seccomp profiles, seccomp(2): which system calls a container may make. Two formats that are nearly one: the JSON that
 * Docker and Podman read, whose rules may depend on capabilities, architecture and kernel; and `linux.seccomp` of OCI's
 * config.json (runtime-spec config-linux.md#seccomp), where that is decided. parse reads both, resolve makes the second.
 */
import { constants } from 'node:os'
import { Failure } from '../../errors.ts'
import type { Arch } from '../syscall-numbers.ts'
import { parseJson } from './json.ts'

export const ACTIONS = [
  ...(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD'] as const),
  ...(['SCMP_ACT_TRAP', 'SCMP_ACT_LOG', 'SCMP_ACT_TRACE'] as const),
] as const
export const OPERATORS = [
  ...(['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT'] as const),
  'SCMP_CMP_MASKED_EQ',
] as const

export type ActionName = (typeof ACTIONS)[number]
export type Operator = (typeof OPERATORS)[number]

/** One comparison of a call's argument, unsigned 64-bit. MASKED_EQ: (argument & value) === valueTwo. */
export interface SeccompArg {
  /** 0 to 5. */
  index: number
  value: number | bigint
  valueTwo?: number | bigint
  op: Operator
}

export interface SeccompRule {
  names: string[]
  action: ActionName
  /** The errno of SCMP_ACT_ERRNO, EPERM by default; the message of SCMP_ACT_TRACE. */
  errnoRet?: number
  /** All must hold; but where two test the same argument, each stands alone, as in runc. */
  args?: SeccompArg[]
}

/** `linux.seccomp` of config.json. */
export interface LinuxSeccomp {
  defaultAction: ActionName
  defaultErrnoRet?: number
  architectures?: string[]
  flags?: string[]
  syscalls?: SeccompRule[]
}

/** When a rule counts: every capability held, one of the architectures (Go's names: amd64, arm64), this kernel or newer. */
export interface Condition {
  caps?: string[]
  arches?: string[]
  minKernel?: string
}

export interface ProfileRule extends SeccompRule {
  includes?: Condition
  excludes?: Condition
  comment?: string
}

/** A profile as Docker and Podman keep it (moby/profiles seccomp/seccomp.go). */
export interface SeccompProfile extends Omit<LinuxSeccomp, 'syscalls'> {
  archMap?: { architecture: string; subArchitectures: string[] }[]
  syscalls: ProfileRule[]
}

/** What a profile's conditions are asked about. */
export interface SeccompContext {
  arch: Arch
  /** The container's bounding set. */
  capabilities: readonly string[]
  /** `uname -r`: 6.18.44-fc. */
  kernel: string
}

type Fields = Record<string, unknown>

const MAX_ERRNO = 4095
const UINT64_MAX = (1n << 64n) - 1n

/** Reads fields and names the one that is wrong: `seccomp profile web.json: syscalls[3].args[0].op: ...`. */
class Reader {
  constructor(
    private readonly source: string,
    private readonly path: string,
    private readonly fields: Fields,
  ) {}

  static of(source: string, path: string, value: unknown): Reader {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return new Reader(source, path, value as Fields)
    throw wrong(source, path, 'must be an object')
  }

  fail(key: string, problem: string): Failure {
    return wrong(this.source, this.path === '' ? key : `${this.path}.${key}`, problem)
  }

  /** Absent and null are the same here: Podman's own profile has `"args": null`. */
  value(key: string): unknown {
    return this.fields[key] ?? undefined
  }

  text(key: string): string | undefined {
    const value = this.value(key)
    if (value === undefined || typeof value === 'string') return value
    throw this.fail(key, 'must be a string')
  }

  integer(key: string, max: bigint): number | bigint | undefined {
    const value = this.value(key)
    if (value === undefined) return undefined
    const whole = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
    if (whole && value >= 0 && value <= max) return value
    throw this.fail(key, `must be an integer from 0 to ${String(max)}`)
  }

  texts(key: string): string[] | undefined {
    const value = this.value(key)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((item): item is string => typeof item === 'string')) return value
    throw this.fail(key, 'must be a list of strings')
  }

  one<T extends string>(key: string, allowed: readonly T[], noun: string): T {
    const value = this.text(key)
    if (value === undefined) throw this.fail(key, 'is missing')
    const known = allowed.find((name) => name === value)
    if (known !== undefined) return known
    throw this.fail(key, `unknown ${noun} ${JSON.stringify(value)}; known are ${allowed.join(', ')}`)
  }

  list(key: string): Reader[] {
    const value = this.value(key) ?? []
    if (!Array.isArray(value)) throw this.fail(key, 'must be a list')
    const path = this.path === '' ? key : `${this.path}.${key}`
    return value.map((item, index) => Reader.of(this.source, `${path}[${index}]`, item))
  }

  object(key: string): Reader | undefined {
    const value = this.value(key)
    return value === undefined
      ? undefined
      : Reader.of(this.source, this.path === '' ? key : `${this.path}.${key}`, value)
  }
}

const wrong = (source: string, path: string, problem: string): Failure =>
  new Failure(`seccomp profile ${source}: ${path === '' ? problem : `${path}: ${problem}`}`, {
    id: 'seccomp.profile',
    see: 'seccomp(2), docs/security.md#seccomp',
    exitCode: 125,
    status: 400,
  })

const parseAction = (reader: Reader, key: string): ActionName => {
  if (reader.text(key) === 'SCMP_ACT_NOTIFY')
    throw reader.fail(key, 'SCMP_ACT_NOTIFY needs a listening agent, which glasspod does not have')
  return reader.one(key, ACTIONS, 'action')
}

/** A number, or Podman's name beside it (`"errno": "EINVAL"`), which wins there too. */
const parseErrno = (reader: Reader, number: string, name: string): number | undefined => {
  const text = reader.text(name)
  if (text === undefined || text === '') {
    const value = reader.integer(number, BigInt(MAX_ERRNO))
    return value === undefined ? undefined : Number(value)
  }
  const known = (constants.errno as Record<string, number | undefined>)[text]
  if (known === undefined) throw reader.fail(name, `unknown error name ${JSON.stringify(text)}`)
  return known
}

const parseCondition = (reader: Reader | undefined): Condition | undefined => {
  if (reader === undefined) return undefined
  const caps = reader.texts('caps')
  const arches = reader.texts('arches')
  const minKernel = reader.text('minKernel')
  if (minKernel !== undefined && minKernel !== '' && !VERSION.test(minKernel))
    throw reader.fail('minKernel', `must be a version like 4.8, got ${JSON.stringify(minKernel)}`)
  return { ...(caps && { caps }), ...(arches && { arches }), ...(minKernel ? { minKernel } : {}) }
}

const parseArg = (reader: Reader): SeccompArg => {
  const index = reader.integer('index', 5n) ?? 0
  const value = reader.integer('value', UINT64_MAX) ?? 0
  const valueTwo = reader.integer('valueTwo', UINT64_MAX)
  const op = reader.one('op', OPERATORS, 'operator')
  return { index: Number(index), value, ...(valueTwo !== undefined && { valueTwo }), op }
}

const parseRule = (reader: Reader): ProfileRule => {
  const name = reader.text('name')
  const names = reader.texts('names') ?? []
  if (name && names.length > 0) throw reader.fail('name', "use either 'name' or 'names'")
  const action = parseAction(reader, 'action')
  const errnoRet = parseErrno(reader, 'errnoRet', 'errno')
  const args = reader.list('args').map(parseArg)
  const includes = parseCondition(reader.object('includes'))
  const excludes = parseCondition(reader.object('excludes'))
  const comment = reader.text('comment')
  return {
    names: name ? [name] : names,
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args.length > 0 && { args }),
    ...(includes && { includes }),
    ...(excludes && { excludes }),
    ...(comment && { comment }),
  }
}

/**
 * A profile from an already parsed JSON value: a Docker or Podman profile or `linux.seccomp` of a config.json.
 * Unknown fields are passed over, as Docker does; a profile without a default action is refused, where Docker takes it
 * for "no filter". `source` names it in messages. Failure `seccomp.profile`, exit 125.
 */
export const profileFrom = (value: unknown, source: string): SeccompProfile => {
  const reader = Reader.of(source, '', value)
  const defaultAction = parseAction(reader, 'defaultAction')
  const defaultErrnoRet = parseErrno(reader, 'defaultErrnoRet', 'defaultErrno')
  const architectures = reader.texts('architectures')
  const archMap = reader.list('archMap').map((entry) => ({
    architecture: entry.text('architecture') ?? '',
    subArchitectures: entry.texts('subArchitectures') ?? [],
  }))
  if (architectures && architectures.length > 0 && archMap.length > 0)
    throw reader.fail('archMap', "use either 'architectures' or 'archMap'")
  if (reader.text('listenerPath')) throw reader.fail('listenerPath', 'glasspod does not pass on SCMP_ACT_NOTIFY')
  const flags = reader.texts('flags')
  return {
    defaultAction,
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
    ...(architectures && { architectures }),
    ...(archMap.length > 0 && { archMap }),
    ...(flags && { flags }),
    syscalls: reader.list('syscalls').map(parseRule),
  }
}

/** The same from the text of a file (`--security-opt seccomp=FILE`). Failure `seccomp.profile`, exit 125. */
export const parseProfile = (text: string, source: string): SeccompProfile => {
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    throw wrong(source, '', `is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  return profileFrom(value, source)
}

const VERSION = /^(\d+)\.(\d+)/

/** 6.18.44-fc is at least 4.8: the first two numbers decide, as in moby/profiles seccomp/kernel_linux.go. */
const isKernel = (running: string, least: string): boolean => {
  const [a, b] = [VERSION.exec(running), VERSION.exec(least)]
  if (a === null || b === null) return false
  const major = Number(a[1]) - Number(b[1])
  return major > 0 || (major === 0 && Number(a[2]) >= Number(b[2]))
}

const GO_ARCH: Record<Arch, string> = { x86_64: 'amd64', aarch64: 'arm64' }
const SCMP_ARCH: Record<Arch, string> = { x86_64: 'SCMP_ARCH_X86_64', aarch64: 'SCMP_ARCH_AARCH64' }

const isIncluded = ({ includes }: ProfileRule, context: SeccompContext): boolean =>
  includes === undefined ||
  ((!includes.arches?.length || includes.arches.includes(GO_ARCH[context.arch])) &&
    (includes.caps ?? []).every((name) => context.capabilities.includes(name)) &&
    (!includes.minKernel || isKernel(context.kernel, includes.minKernel)))

const isExcluded = ({ excludes }: ProfileRule, context: SeccompContext): boolean =>
  excludes !== undefined &&
  ((excludes.arches ?? []).includes(GO_ARCH[context.arch]) ||
    (excludes.caps ?? []).some((name) => context.capabilities.includes(name)) ||
    Boolean(excludes.minKernel && isKernel(context.kernel, excludes.minKernel)))

/**
 * The rules that hold for one container: `includes` needs all of its capabilities, `excludes` any (as
 * moby/profiles seccomp/seccomp_linux.go). The result is `linux.seccomp` of config.json.
 */
export const resolveProfile = (profile: SeccompProfile, context: SeccompContext): LinuxSeccomp => ({
  defaultAction: profile.defaultAction,
  ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
  architectures: [SCMP_ARCH[context.arch]],
  ...(profile.flags && { flags: profile.flags }),
  syscalls: profile.syscalls
    .filter((rule) => isIncluded(rule, context) && !isExcluded(rule, context))
    .map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet !== undefined && { errnoRet }),
      ...(args && { args }),
    })),
})
