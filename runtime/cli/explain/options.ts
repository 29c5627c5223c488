/** `--explain` of the verbs that do something. */
import { badFlag } from '../options.ts'

export const FORMATS = ['text', 'json', 'strace', 'mermaid'] as const
export type ExplainFormat = (typeof FORMATS)[number]

export const EXPLAIN_OPTIONS = {
  explain: { type: 'boolean', about: 'tell each step on standard error, as it is made' },
  format: {
    type: 'string',
    metavar: FORMATS.join('|'),
    choices: FORMATS,
    about: 'how --explain tells it (default text)',
  },
} as const

export const asFormat = (text: unknown): ExplainFormat => FORMATS.find((name) => name === text) ?? 'text'

/** Of verbs whose --format is that of what they print: told is in prose, or beside JSON in JSON. */
export const EXPLAIN_FLAG = { explain: EXPLAIN_OPTIONS.explain } as const

/** Undefined: nothing is to be told. @param ofItself whether --format is the verb's own */
export const parseExplain = (options: Record<string, unknown>, ofItself = false): ExplainFormat | undefined => {
  if (options['explain'] === true) return asFormat(options['format'])
  if (options['format'] === undefined || ofItself) return undefined
  throw badFlag('--format says how --explain tells it, and --explain is missing', '--explain --format json')
}
