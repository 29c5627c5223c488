/** One line from whoever sits at the terminal; asked on standard error, so that standard output is the result alone. */
import { createInterface, type Interface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Failure } from '../errors.ts'
import { STDERR, write } from './output.ts'

/** Undefined: no line comes any more, after Ctrl-D or Ctrl-C. */
export const readAnswer = (lines: Interface, question: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    // a line that has no end comes before the close
    lines.once('close', () => setImmediate(resolve, undefined))
    lines.question(question).then(resolve, () => resolve(undefined))
  })

export const askLine = async (question: string, { hidden = false } = {}): Promise<string> => {
  // A terminal in raw mode echoes nothing; readline does, to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: hidden })
  // now nothing is echoed, however soon somebody types
  write(STDERR, question)
  try {
    const line = await readAnswer(lines, '')
    if (line === undefined) throw new Failure('there was no answer', { id: 'cli.ask' })
    return line
  } finally {
    lines.close()
    if (hidden) write(STDERR, '\n')
  }
}
