/**
 * A further process in a running container: joins its namespaces by a pidfd, so nothing of the container is trusted to
 * find them (/proc of the container may lie), and is watched by a monitor like the first.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'
import { hostArch } from '../init/program.ts'
import { planCredentials, type Credentials } from '../kernel/credentials.ts'
import { planJoin, type Namespace } from '../kernel/namespaces.ts'
import { planFilter } from '../kernel/seccomp/filter.ts'
import type { LinuxSeccomp } from '../kernel/seccomp/profile.ts'
import { planOomScoreAdj } from '../kernel/oom-score.ts'
import { planExecute } from './execve.ts'
import { planTellPid } from './monitor.ts'
import { planMonitored, planStdio } from './monitored.ts'
import type { Step } from './step.ts'
import { planOpenTerminal, type TerminalSize } from './terminal.ts'

export interface ExecInput extends Omit<Credentials, 'filter'> {
  /** The container's. */
  seccomp: LinuxSeccomp | undefined
  /** Host pid of the container's first process. */
  pid: number
  /** Namespaces that differ from the agent's. */
  namespaces: readonly Namespace[]
  /** Directory of this exec's files. */
  directory: string
  cgroup: string | undefined
  openStdin: boolean
  terminalSize?: TerminalSize | undefined
}

/** Its files, before anybody waits at its log. */
export const planExecFiles = (directory: string): Step[] => [
  {
    kind: 'mkdir',
    id: 'exec.directory',
    why: 'The files of this one process: its monitor’s pipe, its log, its exit status.',
    man: 'mkdir(2)',
    path: directory,
    mode: 0o700,
  },
  {
    kind: 'write',
    id: 'exec.log',
    why: 'The log is there before the first byte, so that a reader can wait at it.',
    man: 'open(2)',
    path: `${directory}/log`,
    value: '',
  },
]

/** A further process: no namespace is made, all are joined by the program itself. */
export const planExecStart = (directory: string, calls: Call[]): Step[] => [
  {
    kind: 'enter',
    id: 'exec.init',
    why: 'A program of system calls joins the container and becomes the command.',
    man: 'setns(2)',
    see: 'glasspod graph',
    argv: [],
    program: `${directory}/init`,
    inside: calls,
  },
]

export const planExec = (input: ExecInput): Call[] => {
  const { pid, namespaces, process } = input
  const call = calls('namespaces.join', 'pidfd_open(2)', 'ls -l /proc/self/ns')
  return planMonitored({
    directory: input.directory,
    prepare: [
      call('pidfd_open', [pid, 0], 'A descriptor of the container’s first process: it cannot come to mean another.', {
        result: { at: 'pidfd' },
      }),
    ],
    openTerminal: process.terminal
      ? [
          call('openat', [AT_FDCWD, `/proc/${pid}/root`, flags('O_PATH', 'O_CLOEXEC'), 0], '', {
            result: { at: 'root' },
          }),
          ...planOpenTerminal({ load: 'root' }, 'dev/pts/ptmx'),
        ]
      : undefined,
    terminalSize: input.terminalSize,
    openStdin: input.openStdin,
    cgroup: input.cgroup,
    enterPid: namespaces.includes('pid') ? planJoin('pidfd', ['pid']) : [],
    inside: planInside(input),
  })
}

const planInside = (input: ExecInput): Call[] => [
  ...planTellPid(),
  ...planOomScoreAdj(input.process.oomScoreAdj),
  ...planJoin(
    'pidfd',
    input.namespaces.filter((namespace) => namespace !== 'pid'),
  ),
  ...planStdio(input.process.terminal, input.process.user),
  ...planCredentials({ ...input, filter: input.seccomp && planFilter(input.seccomp, hostArch()) }),
  ...planExecute(input.process),
]
