/** Files of archives, opened before the agent is reached: root becomes another user on the way there. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, createReadStream, fstatSync, openSync, realpathSync, statSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { isatty } from 'node:tty'
import { errnoOf, Failure } from '../errors.ts'
import { STDOUT, write } from './output.ts'

const CHUNK = 1024 * 1024

const open = (path: string, flags: 'r' | 'w' | 'wx', shown = path): number => {
  try {
    const descriptor = openSync(path, flags)
    if (!fstatSync(descriptor).isDirectory()) return descriptor
    closeSync(descriptor)
    throw new Failure(`${path} is a directory`, { id: 'cli.file' })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${shown}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.file', try: `ls -ld ${shown}` })
  }
}

/** Standard input without a path, or for `-`. @throws Failure `cli.file`, `cli.stdin`. */
export const openInput = (path: string | undefined, hint: string): AsyncIterable<Uint8Array> => {
  const isStdin = path === undefined || path === '-'
  if (isStdin && isatty(0))
    throw new Failure('an archive is read from standard input, which is a terminal', { id: 'cli.stdin', try: hint })
  return createReadStream('', { fd: isStdin ? 0 : open(path, 'r'), highWaterMark: CHUNK }) as AsyncIterable<Buffer>
}

/**
 * Waits beside the command, with the rights that the caller had, until the archive is whole, and gives it its name; or
 * removes it, also when the command was killed.
 */
const KEEPER = `trap '' HUP INT TERM
read -r word && [ "$word" = whole ] && exec mv -fT -- "$1" "$2"
exec rm -f -- "$1"`

interface Output {
  write: (chunk: Uint8Array) => void
  /** It is whole: only now the file has its name. */
  commit: () => Promise<void>
  /** Nothing is left of it, and a file of that name is as it was. */
  abandon: () => Promise<void>
}

const writeAll = (fd: number, chunk: Uint8Array): void => {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
}

const done = (): Promise<void> => Promise.resolve()

/** A new file beside the one that is meant, which takes its place at the end. */
const openBeside = (path: string): Output => {
  const beside = `${dirname(path)}/.${basename(path)}.${process.pid}`
  const fd = open(beside, 'wx', path)
  const keeper: ChildProcess = spawn('sh', ['-c', KEEPER, 'sh', beside, path], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  })
  let said = ''
  keeper.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const closed = once(keeper, 'close')
  const end = async (word: string): Promise<void> => {
    closeSync(fd)
    keeper.stdin?.on('error', () => undefined).end(word)
    await closed
    if (keeper.exitCode !== 0) throw new Failure(`${path}: ${said.trim()}`, { id: 'cli.file', try: `ls -ld ${path}` })
  }
  return { write: (chunk) => writeAll(fd, chunk), commit: () => end('whole\n'), abandon: () => end('') }
}

/** Standard output without a path. @throws Failure `cli.file`, `cli.stdout`. */
const openOutput = (path: string | undefined, hint: string): Output => {
  if (path === undefined) {
    if (isatty(STDOUT))
      throw new Failure('an archive goes to standard output, which is a terminal', { id: 'cli.stdout', try: hint })
    return { write: (chunk) => write(STDOUT, chunk), commit: done, abandon: done }
  }
  const there = statSync(path, { throwIfNoEntry: false })
  // A device or a named pipe takes it as it comes; a directory is refused.
  if (there !== undefined && !there.isFile()) {
    const fd = open(path, 'w')
    return { write: (chunk) => writeAll(fd, chunk), commit: done, abandon: done }
  }
  return openBeside(there === undefined ? path : realpathSync(path))
}

/** @param begin starts the archive, once there is a place for it. @throws Failure `cli.file`, `cli.stdout`. */
export const writeArchive = async (
  path: string | undefined,
  hint: string,
  begin: () => Promise<AsyncIterable<Uint8Array>>,
): Promise<void> => {
  const output = openOutput(path, hint)
  try {
    for await (const chunk of await begin()) output.write(chunk)
  } catch (error) {
    await output.abandon()
    throw error
  }
  await output.commit()
}
