/** Files of archives, opened before the agent is reached: root becomes another user on the way there. */
import { closeSync, createReadStream, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs'
import { isatty } from 'node:tty'
import { errnoOf, Failure } from '../errors.ts'

const CHUNK = 1024 * 1024

const open = (path: string, flags: 'r' | 'w'): number => {
  try {
    const descriptor = openSync(path, flags)
    if (!fstatSync(descriptor).isDirectory()) return descriptor
    closeSync(descriptor)
    throw new Failure(`${path} is a directory`, { id: 'cli.file' })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${path}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.file', try: `ls -ld ${path}` })
  }
}

/** Standard input without a path, or for `-`. @throws Failure `cli.file`, `cli.stdin`. */
export const openInput = (path: string | undefined, hint: string): AsyncIterable<Uint8Array> => {
  const isStdin = path === undefined || path === '-'
  if (isStdin && isatty(0))
    throw new Failure('an archive is read from standard input, which is a terminal', { id: 'cli.stdin', try: hint })
  return createReadStream('', { fd: isStdin ? 0 : open(path, 'r'), highWaterMark: CHUNK }) as AsyncIterable<Buffer>
}

export interface Output {
  readonly fd: number
  /** Of what broke off nothing is left, as far as we still may remove it. */
  abandon: () => void
}

/** Standard output without a path. @throws Failure `cli.file`, `cli.stdout`. */
export const openOutput = (path: string | undefined, hint: string): Output => {
  if (path === undefined) {
    if (isatty(1))
      throw new Failure('an archive goes to standard output, which is a terminal', { id: 'cli.stdout', try: hint })
    return { fd: 1, abandon: () => undefined }
  }
  const fd = open(path, 'w')
  const abandon = (): void => {
    if (!fstatSync(fd).isFile()) return
    ftruncateSync(fd)
    try {
      rmSync(path)
    } catch {
      // the directory is root's, and we are no longer root: an empty file stays
    }
  }
  return { fd, abandon }
}
