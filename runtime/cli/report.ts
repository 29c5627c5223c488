/** How an error leaves this program: on standard error, as text or JSON, and with which exit code. */
import { formatFailure, isFailure } from '../errors.ts'
import { isColourful, makePaint } from './colour.ts'
import { wrap } from './help.ts'
import { STDERR, printError, readColumns } from './output.ts'
import { wrapRemedy } from './remedy.ts'
import { printableLines } from './table.ts'

export const FAILED = 125

/** What is not a Failure is a bug of ours: it says so, and how to see more of it. */
export const describeBug = (error: unknown, debug: boolean): string => {
  const text = error instanceof Error ? error.message : String(error)
  const stack = error instanceof Error && debug ? `\n${error.stack ?? ''}` : ''
  return [
    `error: internal: ${text.split('\n', 1)[0] ?? ''}`,
    ` why    this is a bug in glasspod`,
    ...(debug ? [] : [' try    GLASSPOD_DEBUG=1 before the same command, for the stack']),
  ]
    .join('\n')
    .concat(stack)
}

export const formatError = (error: unknown, { json, debug }: { json: boolean; debug: boolean }): string => {
  if (!isFailure(error)) {
    if (!json) return printableLines(describeBug(error, debug))
    return JSON.stringify({ message: `internal: ${error instanceof Error ? error.message : String(error)}`, bug: true })
  }
  const { status: _, ...facts } = error.facts
  // Words of registries, manifests and programs are in it, and may be hostile.
  return json
    ? JSON.stringify({ message: error.message, ...facts })
    : printableLines(formatFailure(error.message, error.facts))
}

/** Facts begin here. */
const INDENT = 8

/** A line of an error for a terminal: no word is broken. In a pipe it stays one, for programs. */
export const wrapLine = (line: string, columns: number): string[] => {
  if (line.length <= columns) return [line]
  if (line.startsWith('error: '))
    return wrap(line, columns - INDENT).map((part, at) => (at === 0 ? '' : ' '.repeat(7)) + part.trim())
  const lines = (line.startsWith(' try ') ? wrapRemedy : wrap)(line.slice(INDENT), columns - INDENT)
  return lines.map((part, at) => (at === 0 ? line.slice(0, INDENT) : ' '.repeat(INDENT)) + part)
}

/** Prints it, and returns the exit code. */
export const reportError = (error: unknown, json: boolean): number => {
  const debug = (process.env['GLASSPOD_DEBUG'] ?? '') !== ''
  const paint = makePaint(!json && isColourful(STDERR))
  const text = formatError(error, { json, debug })
  const columns = json || debug ? undefined : readColumns(STDERR)
  const lines = columns === undefined ? [text] : text.split('\n').flatMap((line) => wrapLine(line, columns))
  printError(lines.join('\n').replace(/^error:/, paint(31, 'error:')))
  return isFailure(error) ? (error.facts.exitCode ?? FAILED) : FAILED
}
