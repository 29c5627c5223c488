/** One line from whoever sits at the terminal; asked on standard error, so that standard output is the result alone. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { STDERR, write } from './output.ts'

export const askLine = async (question: string, { hidden = false } = {}): Promise<string> => {
  // A terminal in raw mode echoes nothing; readline does, to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: hidden })
  // now nothing is echoed, however soon somebody types
  write(STDERR, question)
  try {
    return await lines.question('')
  } finally {
    lines.close()
    if (hidden) write(STDERR, '\n')
  }
}
