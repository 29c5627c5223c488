/** Asks on a terminal; elsewhere nobody can answer, and silence is no consent. */
import { createInterface } from 'node:readline/promises'
import { Failure } from '../errors.ts'
import { readAnswer } from './ask.ts'

/** @param forced the same command without a question. @throws Failure `cli.confirm`. */
export const confirm = async (question: string, forced: string): Promise<boolean> => {
  if (!process.stdin.isTTY) {
    throw new Failure(`${question} Not without --force, where standard input is no terminal`, {
      id: 'cli.confirm',
      try: forced,
    })
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await readAnswer(lines, `${question} [y/N] `)
  lines.close()
  return /^y(es)?$/i.test(answer?.trim() ?? '')
}
