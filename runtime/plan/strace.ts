/**
 * A call as strace(1) prints it, so that a plan and a trace can be laid side by side. Where only running can tell, `$name`
 * is what an earlier call left under that name, `&name` the memory that this one fills.
 */
import type { Call, Operand } from '../init/call.ts'
import { flags } from '../init/uapi.ts'

const offset = (bytes: number | undefined) => (bytes === undefined || bytes === 0 ? '' : `+${bytes}`)

export const formatOperand = (operand: Operand): string => {
  if (typeof operand === 'string') return JSON.stringify(operand)
  if (typeof operand !== 'object') return String(operand)
  if ('bytes' in operand) return operand.shown
  if ('words' in operand) return operand.shown ?? `[${operand.words.map(formatOperand).join(', ')}]`
  if ('load' in operand) return `$${operand.load}${offset(operand.offset)}`
  if ('at' in operand) return `&${operand.at}${offset(operand.offset)}`
  return operand.name
}

const valueOf = (operand: Operand | undefined): bigint | undefined => {
  if (typeof operand === 'number' || typeof operand === 'bigint') return BigInt(operand)
  return typeof operand === 'object' && 'value' in operand ? BigInt(operand.value) : undefined
}

const isSet = (operand: Operand | undefined, flag: { value: number }) =>
  ((valueOf(operand) ?? 0n) & BigInt(flag.value)) !== 0n

/** Options of prctl(2) that look at all their arguments; the others take one. */
const WIDE_PRCTL = [flags('PR_SET_NO_NEW_PRIVS'), flags('PR_CAP_AMBIENT')].map(({ value }) => BigInt(value))

/** How many arguments count, where that depends on what is asked for. */
const countOf = ({ call, args }: Call): number => {
  switch (call) {
    case 'openat':
      return isSet(args[2], flags('O_CREAT')) ? 4 : 3
    case 'mknodat':
      return isSet(args[2], flags('S_IFIFO')) ? 3 : 4
    case 'prctl':
      return WIDE_PRCTL.includes(valueOf(args[0]) ?? -1n) ? 5 : 2
    default:
      return args.length
  }
}

const formatArguments = (call: Call): string[] => {
  const shown = call.args.slice(0, countOf(call)).map(formatOperand)
  return call.call === 'clone' ? ['child_stack=NULL', `flags=${shown[0] ?? ''}`] : shown
}

/** `$fd = openat(AT_FDCWD, "/dev/null", O_RDONLY|O_CLOEXEC)`; where the result is kept, its name. A jump is no call. */
export const formatCall = (call: Call): string => {
  if (call.call === 'jump') return `goto ${call.onZero ?? 'next'}`
  const kept = call.result === undefined ? '' : `$${call.result.at}${offset(call.result.offset)} = `
  return `${kept}${call.call}(${formatArguments(call).join(', ')})`
}
