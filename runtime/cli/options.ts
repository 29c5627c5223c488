/**
 * Flags as a table: one entry gives the parser, the types of the values, and the help text. A thin layer on
 * node:util parseArgs, which knows `-it`, `-eA=b`, `--flag=value` and `--`; what is added here is what a container
 * command line needs beyond that: whole numbers, `--rm=false`, and flags that end at the first operand.
 */
import { parseArgs } from 'node:util'
import { Failure } from '../errors.ts'
import { findNearest } from './nearest.ts'

interface Described {
  about: string
  short?: string
}
export type Option = Described &
  (
    | { type: 'boolean' }
    /** With a value only as `--flag=value`; undefined where it is not given, '' where it has none. */
    | { type: 'optional'; metavar: string }
    | { type: 'integer'; metavar: string }
    | { type: 'string' | 'list'; metavar: string; choices?: readonly string[] }
  )
export type OptionTable = Record<string, Option>

export type Values<T extends OptionTable> = {
  [K in keyof T]: T[K]['type'] extends 'boolean'
    ? boolean
    : T[K]['type'] extends 'list'
      ? string[]
      : T[K]['type'] extends 'integer'
        ? number | undefined
        : string | undefined
}

export interface Operands {
  /** As the help shows them: `IMAGE [COMMAND [ARG...]]`. */
  usage: string
  min: number
  max: number
  /** The first operand ends the flags: all after it belongs to the command that is run in the container. */
  endFlags?: boolean
}

export interface Grammar<T extends OptionTable> {
  name: string
  options: T
  operands: Operands
}

export interface Parsed<T extends OptionTable> {
  values: Values<T>
  operands: string[]
  help: boolean
}

type Token = ReturnType<typeof tokenize>[number]

const HELP = { type: 'boolean', about: 'show this help' } as const

/** `-h` asks for help only where the verb has no other use for it (run: --hostname). */
export const withHelp = (options: OptionTable): OptionTable => ({
  ...options,
  help: Object.values(options).some(({ short }) => short === 'h') ? HELP : { ...HELP, short: 'h' },
})

const tokenize = (args: string[], options: OptionTable) =>
  parseArgs({
    args,
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short }]) => [
        name,
        {
          type: type === 'boolean' || type === 'optional' ? 'boolean' : 'string',
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens

/** Where the flags end, as an index into the arguments: at the first operand, or after a `--`. */
const findEndOfFlags = (tokens: Token[], count: number) => {
  const end = tokens.find(({ kind }) => kind !== 'option')
  return end === undefined ? count : end.kind === 'option-terminator' ? end.index + 1 : end.index
}

export const parseOptions = <T extends OptionTable>(args: string[], grammar: Grammar<T>): Parsed<T> => {
  const options = withHelp(grammar.options)
  const tokens = tokenize(args, options)
  const end = grammar.operands.endFlags === true ? findEndOfFlags(tokens, args.length) : args.length
  const flags = tokens.filter((token) => token.kind === 'option' && token.index < end)
  const operands =
    grammar.operands.endFlags === true
      ? args.slice(end)
      : tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))

  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(options).map(([name, { type }]) => [
      name,
      type === 'boolean' ? false : type === 'list' ? [] : undefined,
    ]),
  )
  for (const token of flags) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined) throw unknownFlag(token.rawName, grammar.name, options)
    // `-e=A=b` means A=b, as the flag library of docker and podman has it
    const short = token.inlineValue === true && !token.rawName.startsWith('--')
    const text = short ? token.value?.replace(/^=/, '') : token.value
    const value = parseValue(token.rawName, option, text)
    if (option.type === 'list') (values[token.name] as unknown[]).push(value)
    else values[token.name] = value
  }
  if (values['help'] !== true) assertCount(operands, grammar)
  return { values: values as Values<T>, operands, help: values['help'] === true }
}

const parseValue = (flag: string, option: Option, text: string | undefined): string | number | boolean => {
  if (option.type === 'boolean') {
    if (text === undefined || /^(true|1)$/i.test(text)) return true
    if (/^(false|0)$/i.test(text)) return false
    throw badFlag(`${flag} is on or off: it takes true or false, not "${text}"`)
  }
  if (option.type === 'optional') return text ?? ''
  if (text === undefined) throw badFlag(`${flag} needs a value: ${flag} ${option.metavar}`)
  if (option.type === 'integer') {
    if (!/^-?\d{1,15}$/.test(text)) throw badFlag(`${flag} takes a whole number, not "${text}"`)
    return Number(text)
  }
  if (option.choices !== undefined && !option.choices.includes(text)) {
    throw badFlag(`${flag} takes ${option.choices.join(', ')}, not "${text}"`)
  }
  return text
}

const assertCount = (operands: string[], { name, operands: { min, max, usage } }: Grammar<OptionTable>) => {
  if (operands.length >= min && operands.length <= max) return
  const hint = { id: 'cli.operand', try: `glasspod ${name} --help` }
  if (operands.length > max) {
    throw new Failure(`glasspod ${name}: one argument too many: "${operands[max] ?? ''}"`, hint)
  }
  const missing = usage.replaceAll(/[[\]]|\.\.\./g, '').split(' ')[operands.length] ?? usage
  throw new Failure(`glasspod ${name}: ${missing} is missing`, hint)
}

export const badFlag = (sentence: string, hint?: string): Failure =>
  new Failure(sentence, { id: 'cli.flag', try: hint })

const unknownFlag = (flag: string, verb: string, options: OptionTable): Failure => {
  if (flag === '--root') return badFlag('--root stands before the verb', `glasspod --root DIR ${verb} ...`)
  if (flag === '--explain' || flag === '--step')
    return badFlag(
      `glasspod ${verb} has no steps to ${flag === '--step' ? 'stop at' : 'tell'}`,
      'glasspod explain, which names the verbs that have',
    )
  if (flag === '-=') return badFlag('a short flag takes no =value here', 'the long form, as in --tty=false')
  const nearest = flag.startsWith('--') ? findNearest(flag.slice(2), Object.keys(options)) : undefined
  return badFlag(
    `glasspod ${verb} has no flag ${flag}`,
    nearest === undefined ? `glasspod ${verb} --help` : `--${nearest}, or glasspod ${verb} --help`,
  )
}
