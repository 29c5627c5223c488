/** What the calls of a plan say, read back: a script is made from the calls themselves, so the two cannot disagree. */
import type { Call, Operand } from '../../init/call.ts'
import type { CallGroup } from '../../plan/groups.ts'

/** The text that an argument points to. */
export const textOf = (operand: Operand | undefined): string => {
  if (typeof operand !== 'string') throw new Error('a text was expected in this argument')
  return operand
}

export const numberOf = (operand: Operand | undefined): number => {
  if (typeof operand === 'number' || typeof operand === 'bigint') return Number(operand)
  if (typeof operand === 'object' && 'value' in operand) return Number(operand.value)
  throw new Error('a number was expected in this argument')
}

/** `A|B` of an argument that was made of named flags. */
export const namesOf = (operand: Operand | undefined): string[] =>
  typeof operand === 'object' && 'name' in operand ? operand.name.split('|') : []

/** How an argument is shown: for structs, which are bytes otherwise. */
export const shownOf = (operand: Operand | undefined): string => {
  if (typeof operand !== 'object') return ''
  return 'bytes' in operand || 'words' in operand ? (operand.shown ?? '') : ''
}

export const wordsOf = (operand: Operand | undefined): string[] => {
  if (typeof operand !== 'object' || !('words' in operand)) throw new Error('an array was expected in this argument')
  return operand.words.map(textOf)
}

/** The memory that a call leaves its result in, or that one takes it from. */
export const memoryOf = (operand: Operand | undefined): string =>
  typeof operand === 'object' && 'load' in operand ? operand.load : ''

export const callsOf = ({ calls }: CallGroup, name: string): Call[] => calls.filter(({ call }) => call === name)
export const callOf = (group: CallGroup, name: string): Call => {
  const [call] = callsOf(group, name)
  if (call === undefined) throw new Error(`${group.id} makes no ${name}`)
  return call
}
