/**
 * The monitor: the parent half of an init program. It stays outside the container, waits for it, records how it ended
 * in a file by rename (so the record is whole or absent, and survives the agent), and lets go. Two pumps carry the
 * container's output into its log without passing through the agent.
 */
import { calls, type Call } from '../init/call.ts'
import { FAILURE, FATAL } from '../init/program.ts'
import { AT_FDCWD, LAST_FD, NULL, flags, mode } from '../init/uapi.ts'

/** Descriptor that the agent gives a program: frames of 16 bytes go out, a byte may come in. */
export const STATUS_FD = 3
export const STATUS_FRAME = 16
/** Frame of the log: length, seconds, nanoseconds, stream (1 stdout, 2 stderr), 64 bits each, then the bytes. */
export const LOG_HEADER = 32
/** The exit record: the status of wait(2) in 64 bits, seconds, nanoseconds of the end. */
export const EXIT_RECORD = 24

export const PUMP_BUFFER = 32 * 1024
/** Where a program that stays keeps its named pipe, above all that it closes. */
export const ALIVE_FD = 100
/** Where it keeps the master of a terminal, for whoever resizes it. */
export const MASTER_FD = 101
/** Where it keeps the pipe whose end tells the pumps that the container has ended. */
const CONTROL_FD = 102
/** Where it keeps a standard input that never ends. */
const STDIN_FD = 103

export interface MonitorFiles {
  /** Directory of the files below, absolute, in the agent's mount namespace. */
  directory: string
}

/** A named pipe that a program that stays holds open: a reader sees its end when that is gone, however it went. */
export const ALIVE = 'alive'
export const EXIT = 'exit'
export const LOG = 'log'
export const STDIN = 'stdin'

/** A program that stays: it keeps no directory busy that it was started in, and `ps` shows its role. */
export const planBegin = (name: string): Call[] => [
  calls('monitor.name', 'chdir(2)')('chdir', ['/']),
  ...planName(name),
]

/** What `ps` and `top` show. */
export const planName = (name: string): Call[] => [
  calls('monitor.name', 'prctl(2)')('prctl', [flags('PR_SET_NAME'), name, 0, 0, 0], `ps calls it ${name}.`),
]

const fifo = (path: string, descriptor: string, id: string): Call[] => {
  const call = calls(id, 'fifo(7)')
  return [
    call('mknodat', [AT_FDCWD, path, { name: 'S_IFIFO|0600', value: 0o010600 }, 0], '', { tolerate: ['EEXIST'] }),
    call('openat', [AT_FDCWD, path, flags('O_RDWR', 'O_CLOEXEC'), 0], '', { result: { at: descriptor } }),
  ]
}

/** `who`: of the monitor, or of the pause process. */
export const planAlive = ({ directory }: MonitorFiles, who: 'monitor' | 'pause' = 'monitor'): Call[] => {
  const made = fifo(`${directory}/${ALIVE}`, 'alive', `${who}.alive`)
  const call = calls(`${who}.alive`, 'fifo(7)')
  const why = `A named pipe held open: whoever reads it learns the moment the ${who === 'pause' ? 'pause process' : who} ends.`
  return [
    ...made.map((made, index) => (index === 0 ? { ...made, why } : made)),
    call('dup3', [{ load: 'alive' }, ALIVE_FD, flags('O_CLOEXEC')]),
    call('close', [{ load: 'alive' }]),
  ]
}

/** The monitor keeps nothing that the container or a pump waits for the end of. */
export const planMonitorCloses = (): Call[] => [
  calls('monitor.close', 'close_range(2)', 'ls -l /proc/PID/fd')(
    'close_range',
    [3, ALIVE_FD - 1, 0],
    'Let go of everything whose end somebody waits for: the pipes of the container, the report to the agent.',
  ),
]

/**
 * Standard input that the agent or a client writes to. The monitor holds it open until the agent has opened its end; with
 * `keep` as long as it lives, or the end of the agent would be the end of the input.
 */
export const planStdinPipe = ({ directory }: MonitorFiles, keep = false): Call[] => {
  const call = calls('monitor.stdin', 'fifo(7)')
  return [
    ...fifo(`${directory}/${STDIN}`, 'stdin.keep', 'monitor.stdin'),
    call('openat', [AT_FDCWD, `${directory}/${STDIN}`, flags('O_RDONLY', 'O_CLOEXEC'), 0], 'What the user types.', {
      result: { at: 'stdin' },
    }),
    ...(keep ? [call('dup3', [{ load: 'stdin.keep' }, STDIN_FD, flags('O_CLOEXEC')])] : []),
  ]
}

/** Waits until the agent says that it holds the writing end, or is gone. */
export const planAwaitAgent = (): Call[] => [
  calls('monitor.stdin', 'read(2)')(
    'read',
    [STATUS_FD, { at: 'go', size: 8 }, 1],
    'Keep the input open until the agent holds its other end: else it would end before it began.',
    { tolerate: 'any' },
  ),
]

export const planOpenLog = ({ directory }: MonitorFiles): Call[] => [
  calls('monitor.log', 'open(2)')(
    'openat',
    [AT_FDCWD, `${directory}/${LOG}`, flags('O_WRONLY', 'O_CREAT', 'O_APPEND', 'O_CLOEXEC'), mode(0o600)],
    'The log: opened once, here, where its path still leads to it.',
    { result: { at: 'log' } },
  ),
]

/**
 * One process a stream: reads, stamps with the time, appends. It ends with the last writer of the pipe, or, when the
 * container has ended and something it left behind still holds the pipe, with what is in it.
 */
export const planPumps = (files: MonitorFiles): Call[] => {
  const call = calls('monitor.log', 'pipe(7)', 'ls -l /proc/self/fd')
  const pump = (stream: 'stdout' | 'stderr'): Call[] => [
    call('pipe2', [{ at: `${stream}.pipe` }, flags('O_CLOEXEC')], `The container writes its ${stream} here.`),
    call(
      'clone',
      [flags('SIGCHLD'), 0, 0, 0, 0],
      'A pump carries it to the log, so a restart of the agent loses nothing.',
      { result: { at: `${stream}.pump` }, onZero: `pump.${stream}` },
    ),
  ]
  return [
    ...planOpenLog(files),
    call('pipe2', [{ at: 'control' }, flags('O_CLOEXEC')], 'Its end tells the pumps that the container has ended.'),
    ...pump('stdout'),
    ...pump('stderr'),
    call('dup3', [{ load: 'control', offset: 4 }, CONTROL_FD, flags('O_CLOEXEC')]),
  ]
}

/** Where the pumps of planPumps go on; part of the same program. */
export const planPumpLoops = (): Call[] => [...planPumpLoop('stdout', 1), ...planPumpLoop('stderr', 2)]

const header = 24

/** An array of two: the header, and the bytes. The length of the bytes is also the header's first word. */
const frame = (stream: string, number: number): Call['args'][number] => ({
  as: `pump.${stream}.frame`,
  words: [
    { at: `pump.${stream}.frame`, offset: header },
    LOG_HEADER,
    { at: `pump.${stream}.bytes`, size: PUMP_BUFFER },
    0, // length
    0, // seconds
    0, // nanoseconds
    number,
  ],
  shown: `[{iov_base=&pump.${stream}.frame+${header}, iov_len=${LOG_HEADER}}, {iov_base=&pump.${stream}.bytes, iov_len=$pump.${stream}.frame+${header}}]`,
})

/** Reads into a frame and appends it; then goes back. `empty`: where to go when there is nothing now. */
const planCarry = (stream: string, vector: Call['args'][number], label: string, empty: string): Call[] => {
  const call = calls('monitor.log', 'writev(2)')
  return [
    call(
      'read',
      [0, { at: `pump.${stream}.bytes`, size: PUMP_BUFFER }, PUMP_BUFFER],
      'Read, stamp with the time, append: until the last writer has let go.',
      {
        result: { at: `pump.${stream}.frame`, offset: header },
        onZero: `pump.${stream}.end`,
        tolerate: ['EIO', 'EAGAIN'],
        onError: empty,
        label,
      },
    ),
    call('clock_gettime', [flags('CLOCK_REALTIME'), { at: `pump.${stream}.frame`, offset: header + 8 }]),
    // A full disk loses lines; a stopped pump would stop the container.
    call('writev', [1, vector, 2], '', { tolerate: 'any' }),
    call('jump', [], '', { onZero: label }),
  ]
}

const planPumpLoop = (stream: 'stdout' | 'stderr', number: number): Call[] => {
  const call = calls('monitor.log', 'poll(2)')
  const name = (part: string) => `pump.${stream}.${part}`
  return [
    ...planPumpStart(stream),
    call('dup3', [{ load: 'control' }, 2, 0]),
    call('close_range', [3, LAST_FD, 0]),
    ...[0, 2].map((descriptor) => call('fcntl', [descriptor, { name: 'F_SETFL', value: 4 }, flags('O_NONBLOCK')])),
    ...planCarry(stream, frame(stream, number), name('read'), name('wait')),
    call(
      'ppoll',
      [{ words: [pollIn(0), pollIn(2)], shown: '[{fd=0, events=POLLIN}, {fd=2, events=POLLIN}]' }, 2, NULL, NULL, 8],
      '',
      {
        label: name('wait'),
        tolerate: ['EINTR'],
      },
    ),
    call('read', [2, { at: name('bytes') }, 1], '', {
      onZero: name('rest'),
      tolerate: ['EAGAIN'],
      onError: name('read'),
    }),
    ...planCarry(stream, { at: name('frame') }, name('rest'), name('end')),
    call('exit_group', [0], '', { label: name('end') }),
  ]
}

/** For a terminal: its master says EIO when the last process has let go, so a plain read is enough. */
export const planTerminalPump = (): Call[] => {
  const call = calls('monitor.log', 'pts(4)')
  return [
    ...planPumpStart('stdout'),
    call('close_range', [2, LAST_FD, 0]),
    ...planCarry('stdout', frame('stdout', 1), 'pump.stdout.read', 'pump.stdout.end'),
    call('exit_group', [0], '', { label: 'pump.stdout.end' }),
  ]
}

const planPumpStart = (stream: 'stdout' | 'stderr'): Call[] => {
  const call = calls('monitor.log', 'dup(2)')
  return [
    call('dup3', [{ load: `${stream}.pipe` }, 0, 0], 'The pipe comes in, the log goes out; nothing else is held.', {
      label: `pump.${stream}`,
    }),
    call('dup3', [{ load: 'log' }, 1, 0]),
    ...planName('glasspod-log'),
  ]
}

/** struct pollfd of POLLIN as one word: the descriptor, then the events. */
const pollIn = (descriptor: number): bigint => BigInt(descriptor) | (1n << 32n)

export interface Wait extends MonitorFiles {
  /** The streams that have a pump: their end is waited for, so the log is whole before the exit is recorded. */
  pumps: readonly ('stdout' | 'stderr')[]
  /** The pump that has no end of its own. */
  inputPump?: boolean
  /** Kill what the first process leaves behind: with a PID namespace of its own the kernel does that. */
  killFile?: string | undefined
  /** What must be so before the end is recorded. */
  settle?: Call[]
}

/** Waits for the process that the program cloned into `child`, records its end, and ends. */
export const planWait = ({ directory, pumps, inputPump = false, killFile, settle = [] }: Wait): Call[] => {
  const call = calls('monitor.wait', 'wait4(2)', 'ps -o pid,ppid,comm')
  const wait = (what: string, status: Call['args'][number], label: string) =>
    call('wait4', [{ load: what }, status, 0, NULL], '', { tolerate: ['EINTR'], onError: label, label })
  return [
    { ...wait('child', { at: 'exit', size: EXIT_RECORD }, 'wait.child'), why: 'Wait for the container to end.' },
    call('clock_gettime', [flags('CLOCK_REALTIME'), { at: 'exit', offset: 8 }]),
    ...(killFile === undefined ? [] : planKill(killFile)),
    ...(pumps.includes('stderr') ? [call('close', [CONTROL_FD])] : []),
    ...pumps.map((stream) => wait(`${stream}.pump`, NULL, `wait.${stream}`)),
    ...settle,
    ...planRecordExit(directory),
    ...(inputPump ? [call('kill', [{ load: 'stdin.pump' }, flags('SIGKILL')])] : []),
    call('exit_group', [0], 'Nothing is left to do; whoever reads the named pipe learns of it now.'),
  ]
}

const planKill = (killFile: string): Call[] => {
  const call = calls('cgroups.kill', 'cgroups(7)')
  return [
    call('openat', [AT_FDCWD, killFile, flags('O_WRONLY', 'O_CLOEXEC'), 0], 'End what it left behind.', {
      result: { at: 'kill' },
      tolerate: 'any',
      onError: 'kill.end',
    }),
    call('write', [{ load: 'kill' }, '1', 1], '', { tolerate: 'any' }),
    { ...call('jump', []), label: 'kill.end' },
  ]
}

const planRecordExit = (directory: string): Call[] => {
  const call = calls('monitor.record', 'rename(2)', 'od -A n -t d8 exit')
  return [
    call(
      'openat',
      [AT_FDCWD, `${directory}/${EXIT}.tmp`, flags('O_WRONLY', 'O_CREAT', 'O_TRUNC', 'O_CLOEXEC'), mode(0o600)],
      'Record how it ended, whole or not at all.',
      { result: { at: 'exit.file' } },
    ),
    call('write', [{ load: 'exit.file' }, { at: 'exit' }, EXIT_RECORD]),
    call('renameat2', [AT_FDCWD, `${directory}/${EXIT}.tmp`, AT_FDCWD, `${directory}/${EXIT}`, 0]),
  ]
}

/** Tells the agent the pid that the host knows this process by: /proc is still the host's here. */
export const planTellPid = (): Call[] => {
  const call = calls('status.pid', 'proc(5)', 'readlink /proc/self')
  return [
    call(
      'readlinkat',
      [AT_FDCWD, '/proc/self', { at: 'pid', size: STATUS_FRAME }, STATUS_FRAME],
      'Which process am I?',
    ),
    call('write', [STATUS_FD, { at: 'pid' }, STATUS_FRAME]),
  ]
}

/** What any call that fails leads to: the agent is told which one and why. */
export const planFatal = (): Call[] => [
  calls('status.failure', 'write(2)')(
    'write',
    [STATUS_FD, { at: FAILURE }, STATUS_FRAME],
    'Only if a call above failed: tell the agent which one, and why.',
    {
      label: FATAL,
      tolerate: 'any',
    },
  ),
  calls('status.failure', 'exit_group(2)')('exit_group', [125]),
]
