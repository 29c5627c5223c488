/**
 * The spawner: a process of some kilobytes that starts programs for the agent. To fork a process of Node's size takes
 * it 4 ms in which it answers nobody; this one is forked in a tenth of one. Whoever connects to its socket and sends a
 * request gets a process whose status descriptor is the connection.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, LAST_FD, NULL, flags, mode } from '../init/uapi.ts'
import { planBegin, planTellPid, STATUS_FD, STATUS_FRAME } from './monitor.ts'

/** What a request is: text after text, each ended by NUL in a place of its own; then argv's pointers and what they point to. */
const PATH_SIZE = 512
const FILE = 0
const DIRECTORY = PATH_SIZE
const ERRORS = 2 * PATH_SIZE
const POINTERS = 3 * PATH_SIZE
const MOST_WORDS = 31
const WORDS = POINTERS + 8 * (MOST_WORDS + 1)
const REQUEST_SIZE = WORDS + 2 * PATH_SIZE

/** Name of its memory that takes a request. */
export const REQUEST = 'request'
/** Where it keeps its socket, above all that it closes. */
const SOCKET_FD = 100
const SIGNAL_MASK_SIZE = 8

export interface ProgramRequest {
  /** Absolute, or below the directory. */
  file: string
  argv: readonly string[]
  directory: string
  /** Takes what is said on standard error. */
  errors: string
}

/** @param at address of the spawner's request. Undefined: it is too long for a request. */
export const formatRequest = ({ file, argv, directory, errors }: ProgramRequest, at: number): Buffer | undefined => {
  const bytes = Buffer.alloc(REQUEST_SIZE)
  const place = (text: string, offset: number, end: number): number | undefined => {
    const next = offset + Buffer.byteLength(text) + 1
    if (next > end) return undefined
    bytes.write(text, offset)
    return next
  }
  const paths: [string, number][] = [
    [file, FILE],
    [directory, DIRECTORY],
    [errors, ERRORS],
  ]
  if (argv.length > MOST_WORDS || paths.some(([text, offset]) => place(text, offset, offset + PATH_SIZE) === undefined))
    return undefined
  let offset: number | undefined = WORDS
  for (const [index, word] of argv.entries()) {
    bytes.writeBigUInt64LE(BigInt(at + offset), POINTERS + 8 * index)
    offset = place(word, offset, REQUEST_SIZE)
    if (offset === undefined) return undefined
  }
  return bytes
}

/** struct sockaddr_un: family, path (unix(7)). */
const socketAddress = (path: string) => {
  const bytes = Buffer.alloc(2 + Buffer.byteLength(path) + 1)
  bytes.writeUInt16LE(flags('AF_UNIX').value)
  bytes.write(path, 2)
  return bytes
}

const disposition = (value: number, name: string) => ({
  words: [value, 0, 0, 0],
  shown: `{sa_handler=${name}, sa_mask=[], sa_flags=0}`,
})

/** @param socket path where nothing is. It ends with the agent, whose child it is. */
export const planSpawner = (socket: string): Call[] => {
  const call = calls('spawner', 'unix(7)')
  const address = socketAddress(socket)
  return [
    ...planBegin('glasspod-spawn'),
    call('prctl', [flags('PR_SET_PDEATHSIG'), flags('SIGKILL'), 0, 0, 0], 'It ends with the agent.'),
    call('socket', [flags('AF_UNIX'), flags('SOCK_STREAM', 'SOCK_CLOEXEC'), 0], '', { result: { at: 'socket' } }),
    call('bind', [
      { load: 'socket' },
      { bytes: address, shown: `{sa_family=AF_UNIX, sun_path="${socket}"}` },
      address.length,
    ]),
    call('listen', [{ load: 'socket' }, 128], 'Whoever connects wants a program started.'),
    call('dup3', [{ load: 'socket' }, SOCKET_FD, flags('O_CLOEXEC')]),
    call('rt_sigaction', [flags('SIGCHLD'), disposition(1, 'SIG_IGN'), NULL, SIGNAL_MASK_SIZE], 'The kernel reaps.'),
    // An agent that has died meanwhile does not hear it, and the signal for that ends us.
    ...planTellPid(),
    call('close_range', [STATUS_FD, SOCKET_FD - 1, 0]),
    call('close_range', [SOCKET_FD + 1, LAST_FD, 0]),
    call('accept4', [SOCKET_FD, NULL, NULL, 0], 'The connection is the lowest free descriptor: the status.', {
      tolerate: 'any',
      onError: 'next',
      label: 'next',
    }),
    call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], '', { tolerate: 'any', onZero: 'born' }),
    call('close', [STATUS_FD], '', { tolerate: 'any' }),
    call('jump', [], '', { onZero: 'next' }),
    ...planBorn(),
  ]
}

const planBorn = (): Call[] => {
  const call = calls('spawner.program', 'execve(2)')
  const at = (offset: number) => ({ at: REQUEST, offset, size: REQUEST_SIZE - offset })
  const other = { tolerate: 'any', onError: 'unborn' } as const
  return [
    call('rt_sigaction', [flags('SIGCHLD'), disposition(0, 'SIG_DFL'), NULL, SIGNAL_MASK_SIZE], '', { label: 'born' }),
    call('setsid', [], 'A session of its own: no signal to the agent’s reaches it.'),
    call('recvfrom', [STATUS_FD, at(0), REQUEST_SIZE, flags('MSG_WAITALL'), NULL, NULL]),
    call('chdir', [at(DIRECTORY)], '', other),
    call(
      'openat',
      [AT_FDCWD, at(ERRORS), flags('O_WRONLY', 'O_CREAT', 'O_TRUNC', 'O_CLOEXEC'), mode(0o600)],
      'What it complains of is read if it fails.',
      { ...other, result: { at: 'errors' } },
    ),
    call('dup3', [{ load: 'errors' }, 2, 0]),
    call('execve', [at(FILE), at(POINTERS), { words: [] }], 'Become the program, with no environment.', other),
    call('write', [STATUS_FD, { at: 'unborn', size: STATUS_FRAME }, STATUS_FRAME], 'Zeros: it was not executed.', {
      label: 'unborn',
      tolerate: 'any',
    }),
    call('exit_group', [125]),
  ]
}
