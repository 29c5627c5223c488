/**
 * A container's terminal (pty(7), pts(4)). The master is opened from the container's own devpts before that is attached
 * anywhere, so no path through the container is trusted. The monitor keeps it and two pumps move the bytes: the agent
 * holds no part of it, and its death hangs nobody up.
 */
import { calls, type Call, type Operand } from '../init/call.ts'
import { AT_FDCWD, flags, openHow } from '../init/uapi.ts'
import {
  MASTER_FD,
  STDIN,
  planFatal,
  planName,
  planOpenLog,
  planTerminalPump,
  planTellPid,
  type MonitorFiles,
} from './monitor.ts'

export interface TerminalSize {
  rows: number
  columns: number
}

const call = calls('terminal.open', 'pty(7)', 'tty')

/** Opens a pair: the master below a directory (of a devpts, or a container's root), by no link. */
export const planOpenTerminal = (directory: Operand, ptmx = 'ptmx'): Call[] => [
  call(
    'openat2',
    [
      directory,
      ptmx,
      openHow(flags('O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'), flags('RESOLVE_IN_ROOT', 'RESOLVE_NO_SYMLINKS')),
      24,
    ],
    'The master: the runtime’s end.',
    { result: { at: 'stdout.pipe' } },
  ),
  call('ioctl', [{ load: 'stdout.pipe' }, flags('TIOCSPTLCK'), { at: 'unlock' }]),
]

/** Clones the pumps, then opens the slave: a pump that held it would never see its end. */
export const planTerminal = (files: MonitorFiles, size?: TerminalSize): Call[] => [
  ...planOpenLog(files),
  call('mknodat', [AT_FDCWD, `${files.directory}/${STDIN}`, { name: 'S_IFIFO|0600', value: 0o010600 }, 0], '', {
    tolerate: ['EEXIST'],
  }),
  call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], 'A pump carries what appears on it to the log.', {
    result: { at: 'stdout.pump' },
    onZero: 'pump.stdout',
  }),
  call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], 'Another carries what is typed.', {
    result: { at: 'stdin.pump' },
    onZero: 'pump.stdin',
  }),
  call(
    'ioctl',
    [{ load: 'stdout.pipe' }, flags('TIOCGPTPEER'), flags('O_RDWR', 'O_NOCTTY', 'O_CLOEXEC')],
    'The slave: the container’s end, by the master and not by a path.',
    { result: { at: 'slave' } },
  ),
  ...(size === undefined ? [] : [call('ioctl', [{ load: 'slave' }, flags('TIOCSWINSZ'), windowSize(size)])]),
  call('dup3', [{ load: 'stdout.pipe' }, MASTER_FD, flags('O_CLOEXEC')]),
]

/** struct winsize: rows, columns, and the size in pixels, which nobody knows. */
const windowSize = ({ rows, columns }: TerminalSize): Operand => ({
  bytes: new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer),
  shown: `{ws_row=${rows}, ws_col=${columns}, ws_xpixel=0, ws_ypixel=0}`,
})

export const planTerminalPumps = (directory: string): Call[] => {
  const pump = calls('terminal.input', 'fifo(7)')
  return [
    ...planTerminalPump(),
    pump(
      'openat',
      [AT_FDCWD, `${directory}/${STDIN}`, flags('O_RDWR', 'O_CLOEXEC'), 0],
      'What is typed comes by a named pipe.',
      {
        label: 'pump.stdin',
        result: { at: 'stdin.keep' },
      },
    ),
    pump('dup3', [{ load: 'stdin.keep' }, 0, 0]),
    pump('dup3', [{ load: 'stdout.pipe' }, 1, 0]),
    pump('close_range', [2, { name: '~0U', value: 0xffffffff }, 0]),
    ...planName('glasspod-tty'),
    // Nothing ever ends this pipe: the monitor ends the pump, and if the monitor is killed, the kernel does.
    pump(
      'prctl',
      [flags('PR_SET_PDEATHSIG'), flags('SIGKILL'), 0, 0, 0],
      'Carry it to the terminal, as long as the monitor lives.',
    ),
    pump('read', [0, { at: 'typed', size: 4096 }, 4096], '', {
      result: { at: 'typed.length' },
      label: 'pump.stdin.read',
    }),
    pump('write', [1, { at: 'typed' }, { load: 'typed.length' }], '', { tolerate: 'any' }),
    pump('jump', [], '', { onZero: 'pump.stdin.read' }),
  ]
}

/** In the container: the slave becomes the controlling terminal of the session, and its three standard descriptors. */
export const planTerminalStdio = ({ uid }: { uid: number }): Call[] => [
  call('ioctl', [{ load: 'slave' }, flags('TIOCSCTTY'), 0], 'Ctrl-C here is a signal to the foreground process.'),
  ...[0, 1, 2].map((descriptor) => call('dup3', [{ load: 'slave' }, descriptor, 0])),
  call('fchown', [0, uid, { name: '-1', value: 0xffffffff }]),
]

/** A program of its own: takes the master from the monitor and sets its size; the foreground process gets SIGWINCH. */
export const planResize = (monitor: number, size: TerminalSize): Call[] => {
  const resize = calls('terminal.resize', 'ioctl_tty(2)', 'stty size')
  return [
    ...planTellPid(),
    resize('pidfd_open', [monitor, 0], '', { result: { at: 'pidfd' } }),
    resize('pidfd_getfd', [{ load: 'pidfd' }, MASTER_FD, 0], '', { result: { at: 'master' } }),
    resize('ioctl', [{ load: 'master' }, flags('TIOCSWINSZ'), windowSize(size)], 'Tell the terminal its size.'),
    resize('exit_group', [0]),
    ...planFatal(),
  ]
}
