/**
 * A directory as a tar, made by tar(1) with the rights of the caller: begun before the agent is reached, since root
 * becomes another user on the way there, and what an ordinary user may not read is no part of an image of theirs.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { errnoOf, Failure } from '../errors.ts'
import { STDERR, write } from './output.ts'

const checkDirectory = (path: string): void => {
  let kind = 'it is no directory'
  try {
    if (statSync(path).isDirectory()) return
  } catch (error) {
    kind = errnoOf(error) ?? String(error)
  }
  throw new Failure(`${path}: ${kind}`, { id: 'cli.file', try: `ls -ld ${path}` })
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

/** @throws Failure `cli.file`, at the end too, where something of it could not be read or changed meanwhile. */
export const readDirectory = (path: string): AsyncIterable<Uint8Array> => {
  checkDirectory(path)
  const child = spawn('sh', ['-c', MAPPED, 'sh', ...FLAGS, ...ATTRIBUTES, '-C', path, '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  return (async function* () {
    yield* child.stdout as AsyncIterable<Uint8Array>
    const [code, signal] = await closed
    if (code !== 0)
      throw new Failure(`${path} cannot be read as a whole`, {
        id: 'cli.tar',
        found: signal ?? said.trim().split('\n')[0] ?? '',
      })
    if (said !== '') write(STDERR, `${said.trim()}\n`)
  })()
}
