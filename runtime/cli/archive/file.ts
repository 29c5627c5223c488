/** Files of archives, opened before the agent is reached: root becomes another user on the way there. */
import { closeSync, createReadStream, fstatSync, openSync, realpathSync, statSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { isatty } from 'node:tty'
import { Failure } from '../../errors.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { STDOUT, write } from '../output.ts'
import { fileFailure } from './failure.ts'
import { startKeeper } from './keeper.ts'
import type { Output } from './output.ts'

const CHUNK = 1024 * 1024

const open = (path: string, flags: 'r' | 'w' | 'wx', shown = path): number => {
  try {
    const descriptor = openSync(path, flags)
    if (!fstatSync(descriptor).isDirectory()) return descriptor
    closeSync(descriptor)
    throw new Failure(`${path} is a directory`, {
      id: 'cli.file',
      try: `for the image in an OCI layout: glasspod pull ${quoteWord(`oci:${path}`)}; in what skopeo calls dir: ${quoteWord(`dir:${path}`)}`,
    })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw fileFailure(shown, error)
  }
}

/** Standard input without a path, or for `-`. @throws Failure `cli.file`, `cli.stdin`. */
export const openInput = (path: string | undefined, hint: string): AsyncIterable<Uint8Array> => {
  const isStdin = path === undefined || path === '-'
  if (isStdin && isatty(0))
    throw new Failure('an archive is read from standard input, which is a terminal', { id: 'cli.stdin', try: hint })
  // Not by its number: a read(2) of a pipe that waits in a thread would keep this process from its end.
  if (isStdin) return process.stdin as AsyncIterable<Buffer>
  return createReadStream('', { fd: open(path, 'r'), highWaterMark: CHUNK }) as AsyncIterable<Buffer>
}

const done = (): Promise<void> => Promise.resolve()

const writeAll = (fd: number, chunk: Uint8Array): Promise<void> => {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
  return done()
}

const RENAME = `whole && exec mv -fT -- "$1" "$2"
exec rm -f -- "$1"`

/** A new file beside the one that is meant, which takes its place when it is whole. The keeper is there before it. */
const openBeside = (path: string): Output => {
  const beside = `${dirname(path)}/.${basename(path)}.${process.pid}`
  const { finish, giveUp } = startKeeper(path, RENAME, [beside, path])
  const fd = open(beside, 'wx', path)
  return { write: (chunk) => writeAll(fd, chunk), commit: finish, abandon: giveUp }
}

/** @throws Failure `cli.file`. */
export const openFile = (path: string): Output => {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isFile() !== false) return openBeside(there === undefined ? path : realpathSync(path))
  // A device or a named pipe takes it as it comes; a directory is refused.
  const fd = open(path, 'w')
  return { write: (chunk) => writeAll(fd, chunk), commit: done, abandon: done }
}

/** @throws Failure `cli.stdout`. */
export const openStdout = (hint: string): Output => {
  if (isatty(STDOUT))
    throw new Failure('an archive goes to standard output, which is a terminal', { id: 'cli.stdout', try: hint })
  const send = (chunk: Uint8Array): Promise<void> => {
    write(STDOUT, chunk)
    return done()
  }
  return { write: send, commit: done, abandon: done }
}
