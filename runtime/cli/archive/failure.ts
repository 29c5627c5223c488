import { errnoOf, Failure } from '../../errors.ts'

/** Of a file or directory that the caller named. @param error what went wrong, or a sentence's end. */
export const fileFailure = (path: string, error: unknown): Failure =>
  new Failure(`${path}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.file', try: `ls -ld ${path}` })
