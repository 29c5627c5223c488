/** Help texts, made from the tables the parser reads, so that they cannot say anything else. 80 columns. */
import { type Option, withHelp } from './options.ts'
import type { ExitCodes, Verb, VerbEntry } from './verb.ts'

const WIDTH = 80
const FLAG_COLUMN = 27

const EXIT_CODES: Record<'own' | 'command', Record<string, string>> = {
  own: { '0': 'done', '125': 'glasspod could not do it' },
  command: {
    '0-124': 'what the command returned',
    '125': 'glasspod could not do it',
    '126': 'the command cannot be executed',
    '127': 'the command was not found',
    '128+n': 'signal n ended the command',
  },
}

/** Breaks a text at spaces; a word longer than the width stays whole. */
export const wrap = (text: string, width: number): string[] => {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** `  -e, --env KEY=VALUE...   set a variable` (the dots: may be repeated), the text wrapped beside the flag, or below a long one. */
const formatRow = (left: string, about: string): string => {
  const lines = wrap(about, WIDTH - FLAG_COLUMN)
  const indent = ' '.repeat(FLAG_COLUMN)
  return left.length + 2 <= FLAG_COLUMN
    ? left.padEnd(FLAG_COLUMN) + lines.join(`\n${indent}`)
    : [left, ...lines.map((line) => indent + line)].join('\n')
}

const formatValue = (option: Option): string => {
  if (option.type === 'boolean') return ''
  if (option.type === 'optional') return `[=${option.metavar}]`
  return ` ${option.metavar}${option.type === 'list' ? '...' : ''}`
}

const formatFlag = (name: string, option: Option): string =>
  formatRow(
    `  ${option.short === undefined ? '   ' : `-${option.short},`} --${name}` + formatValue(option),
    option.about,
  )

const formatExitCodes = (codes: ExitCodes): string =>
  Object.entries(typeof codes === 'string' ? EXIT_CODES[codes] : codes)
    .sort(([one], [other]) => parseInt(one) - parseInt(other))
    .map(([code, about]) => formatRow(`  ${code}`, about))
    .join('\n')

const capitalize = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

export const formatVerbHelp = ({ name, summary }: VerbEntry, verb: Verb): string => {
  const flags = Object.entries(withHelp(verb.options)).sort(([one], [other]) => (one < other ? -1 : 1))
  return [
    `usage: glasspod ${name} [OPTIONS] ${verb.operands.usage}`.trimEnd(),
    ...wrap(`${capitalize(summary)}.`, WIDTH),
    `options:\n${flags.map(([flag, option]) => formatFlag(flag, option)).join('\n')}`,
    `example:\n  ${verb.example}`,
    `exit codes:\n${formatExitCodes(verb.exitCodes ?? 'own')}\n`,
  ].join('\n\n')
}
