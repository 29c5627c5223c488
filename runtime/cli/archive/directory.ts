/**
 * A directory as a tar, made by tar(1) with the rights of the caller: begun before the agent is reached, since root
 * becomes another user on the way there, and what an ordinary user may not read is no part of an image of theirs.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { errnoOf, Failure } from '../../errors.ts'
import { STDERR, write } from '../output.ts'
import { fileFailure } from './failure.ts'

const CHUNK = 1024 * 1024

const checkDirectory = (path: string): void => {
  let problem: unknown = 'it is no directory'
  try {
    if (statSync(path).isDirectory()) return
  } catch (error) {
    problem = error
  }
  throw fileFailure(path, problem)
}

/** The same names and contents give the same bytes. */
const FLAGS = ['--create', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--sort=name', '--numeric-owner']
/** What is the caller's becomes root's, as in the id map of the node; what others own keeps its number. */
const MAPPED = `exec tar --owner-map=/proc/self/fd/3 --group-map=/proc/self/fd/4 "$@" 3<<USERS 4<<GROUPS
+$(id -u) +0
USERS
+$(id -g) +0
GROUPS`
const ATTRIBUTES = ['--xattrs', '--xattrs-include=*', '--xattrs-exclude=security.selinux']

/** @throws Failure `cli.file`, and at the end `cli.tar`, where something of it could not be read or changed meanwhile. */
export const readDirectory = (path: string): AsyncIterable<Uint8Array> => {
  checkDirectory(path)
  return runTar(path, ['sh', '-c', MAPPED, 'sh', ...FLAGS, ...ATTRIBUTES, '-C', path, '.'])
}

/** These files of a directory, behind their links. @throws Failure as readDirectory. */
export const readTar = (path: string, names: readonly string[]): AsyncIterable<Uint8Array> =>
  runTar(path, ['tar', ...FLAGS, '--dereference', '-C', path, '--', ...names])

const runTar = (path: string, [program = '', ...args]: readonly string[]): AsyncIterable<Uint8Array> => {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  // At once: when a child exits, what nobody has begun to read is thrown away.
  const tar = child.stdout.pipe(new PassThrough({ highWaterMark: CHUNK }))
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  closed.catch(() => undefined)
  return (async function* () {
    yield* tar as AsyncIterable<Uint8Array>
    const [code, signal] = await closed.catch((error: unknown) => {
      throw new Failure(`${program}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.tar', try: `install ${program}` })
    })
    if (code !== 0)
      throw new Failure(`${path} cannot be read as a whole`, {
        id: 'cli.tar',
        found: signal ?? said.trim().split('\n')[0] ?? '',
      })
    if (said !== '') write(STDERR, `${said.trim()}\n`)
  })()
}
