/**
 * A program in two halves: the monitor, which stays outside and waits, and the child, which becomes a container's first
 * process or a further one in it. What both kinds have in common; what differs is handed in.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'
import {
  planAlive,
  planAwaitAgent,
  planBegin,
  planFatal,
  planMonitorCloses,
  planPumpLoops,
  planPumps,
  planStdinPipe,
  planWait,
} from './monitor.ts'
import { planTerminal, planTerminalPumps, planTerminalStdio, type TerminalSize } from './terminal.ts'

export interface MonitoredInput {
  /** Directory of the monitor's files: alive, log, exit, stdin. Absolute. */
  directory: string
  /** Before anything else: what later calls need a descriptor of. */
  prepare?: Call[]
  /** When the first process has ended, before that is recorded. */
  settle?: Call[]
  /** With a terminal: the calls that open its master. */
  openTerminal?: Call[] | undefined
  terminalSize?: TerminalSize | undefined
  /** Whether standard input is kept open for attached clients. */
  openStdin: boolean
  /** Whether the monitor keeps it open for ever, for clients that come and go. */
  keepStdin?: boolean
  /** The cgroup that the child enters; cgroup.procs is below it. Undefined where there is none. */
  cgroup: string | undefined
  /** Into the PID namespace, which counts for the next child only: a pump cloned after this would be inside. */
  enterPid: Call[]
  /** Kill what the first process leaves behind: with a PID namespace of its own the kernel does that. */
  killFile?: string | undefined
  /** What the child does, from its session on. */
  inside: Call[]
}

export const planMonitored = (input: MonitoredInput): Call[] => {
  const { directory, openTerminal, openStdin, keepStdin, cgroup } = input
  const files = { directory }
  const terminal = openTerminal !== undefined
  const call = calls('monitor.clone', 'clone(2)', 'ps -o pid,ppid,pidns,comm')
  const session = calls('process.session', 'setsid(2)')
  return [
    ...planBegin('glasspod-mon'),
    ...planAlive(files),
    ...(input.prepare ?? []),
    ...(terminal
      ? [...openTerminal, ...planTerminal(files, input.terminalSize)]
      : [...planPumps(files), ...(openStdin ? planStdinPipe(files, keepStdin) : planNoStdin())]),
    ...(cgroup === undefined ? [] : planOpenCgroup(cgroup)),
    ...input.enterPid,
    call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], 'Two from here: the parent waits outside, the child goes in.', {
      result: { at: 'child' },
      onZero: 'inside',
    }),
    ...(openStdin && !terminal ? planAwaitAgent() : []),
    ...planMonitorCloses(),
    ...planWait({
      ...files,
      pumps: terminal ? ['stdout'] : ['stdout', 'stderr'],
      inputPump: terminal,
      killFile: input.killFile,
      settle: input.settle ?? [],
    }),
    ...(terminal ? planTerminalPumps(directory) : planPumpLoops()),
    session('setsid', [], 'A session of its own: no terminal of the host is in reach.', { label: 'inside' }),
    ...(cgroup === undefined ? [] : planEnterCgroup()),
    ...input.inside,
    ...planFatal(),
  ]
}

const planNoStdin = (): Call[] => [
  calls('monitor.stdin', 'null(4)')(
    'openat',
    [AT_FDCWD, '/dev/null', flags('O_RDONLY', 'O_CLOEXEC'), 0],
    'No standard input was asked for: it is empty.',
    {
      result: { at: 'stdin' },
    },
  ),
]

const planOpenCgroup = (cgroup: string): Call[] => [
  calls('cgroups.open', 'cgroups(7)')(
    'openat',
    [AT_FDCWD, `${cgroup}/cgroup.procs`, flags('O_WRONLY', 'O_CLOEXEC'), 0],
    'The door of its cgroup, opened while its path leads there.',
    { result: { at: 'cgroup.procs' } },
  ),
]

/** 0 means the writer itself: it is in its cgroup before it makes anything that is accounted. */
const planEnterCgroup = (): Call[] => [
  calls('cgroups.enter', 'cgroups(7)', 'cat /proc/self/cgroup')(
    'write',
    [{ load: 'cgroup.procs' }, '0', 1],
    'Move into the cgroup before anything is accounted; children are born into it.',
  ),
]

/** In the child: its three standard descriptors, owned by its user, so that it may open /dev/stdout again. */
export const planStdio = (terminal: boolean, user: { uid: number; gid: number }): Call[] => {
  if (terminal) return planTerminalStdio(user)
  const call = calls('process.stdio', 'dup(2)', 'ls -l /proc/self/fd')
  return [
    call('dup3', [{ load: 'stdin' }, 0, 0], 'Standard input, output and error.'),
    call('dup3', [{ load: 'stdout.pipe', offset: 4 }, 1, 0]),
    call('dup3', [{ load: 'stderr.pipe', offset: 4 }, 2, 0]),
    ...[1, 2].map((descriptor) => call('fchown', [descriptor, user.uid, user.gid])),
  ]
}
