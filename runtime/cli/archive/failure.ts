import { errnoOf, Failure } from '../../errors.ts'
import { quoteWord } from '../../spec/shell-words.ts'

/** Of a file or directory that the caller named. @param error what went wrong, or a sentence's end. */
export const fileFailure = (path: string, error: unknown): Failure =>
  new Failure(`${path}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.file', try: `ls -ld ${quoteWord(path)}` })
