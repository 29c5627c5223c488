/** A call as strace(1) would print it. */
import type { Call, Operand } from '../init/call.ts'

export const formatOperand = (operand: Operand): string => {
  if (typeof operand === 'string') return JSON.stringify(operand)
  if (typeof operand !== 'object') return String(operand)
  if ('bytes' in operand) return operand.shown
  if ('words' in operand) return formatWords(operand.words)
  if ('load' in operand) return `$${operand.load}${operand.offset === undefined ? '' : `+${operand.offset}`}`
  if ('at' in operand) return `&${operand.at}`
  return operand.name
}

const SHOWN = 12

const formatWords = (words: readonly Operand[]): string => {
  const shown = words.slice(0, SHOWN).map(formatOperand)
  return `[${shown.join(', ')}${words.length > SHOWN ? ', …' : ''}]`
}

/** `mount("overlay", "/root", "overlay", 0, "…")`; where the result is kept, its name. */
export const formatCall = ({ call, args, result, onZero }: Call): string => {
  if (call === 'jump') return `goto ${onZero ?? 'next'}`
  return `${result === undefined ? '' : `$${result.at} = `}${call}(${args.map(formatOperand).join(', ')})`
}
