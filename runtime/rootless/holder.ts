/**
 * The holder: the pause program of the node. It keeps the node's user and mount namespaces alive whatever happens to the
 * agent, and it is what starts the agent, at first and on SIGUSR1: a process that comes from outside may not enter the
 * node's cgroup, a child of the holder is born there.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, NULL, flags, mode } from '../init/uapi.ts'
import { planBegin, planFatal, planTellPid, STATUS_FD } from '../plan/monitor.ts'

export interface HolderInput {
  /** The agent's command line; the first word is looked up nowhere. */
  agent: string[]
  env: string[]
  /** Takes what the agent prints. */
  logFile: string
  /** cgroup.procs of the supervisor's leaf, if there are cgroups. */
  cgroupProcs: string | undefined
}

const SIGNAL_MASK_SIZE = 8
const SIGUSR1 = 10
const SET = { words: [1n << BigInt(SIGUSR1 - 1)], shown: '[USR1]' }

export const planHolder = ({ agent, env, logFile, cgroupProcs }: HolderInput): Call[] => {
  const call = calls('holder.agent', 'fork(2)')
  const [program = ''] = agent
  return [
    ...(cgroupProcs === undefined ? [] : planSupervisorLeaf(cgroupProcs)),
    ...planBegin('glasspod-holder'),
    ...planTellPid(),
    call('read', [STATUS_FD, { at: 'go', size: 8 }, 1], 'Wait until its pid is noted: the agent reads that note.', {
      tolerate: 'any',
    }),
    call('close_range', [3, { name: '~0U', value: 0xffffffff }, 0]),
    call(
      'rt_sigaction',
      [
        flags('SIGCHLD'),
        { words: [1, 0, 0, 0], shown: '{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}' },
        NULL,
        SIGNAL_MASK_SIZE,
      ],
      'Let the kernel reap.',
    ),
    call('rt_sigprocmask', [flags('SIG_BLOCK'), SET, NULL, SIGNAL_MASK_SIZE]),
    call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], 'Start the agent.', {
      onZero: 'agent',
      // Too many processes: asked again, it may work; without the holder the node is gone.
      tolerate: 'any',
      onError: 'wait',
      label: 'start',
    }),
    call('rt_sigtimedwait', [SET, NULL, NULL, SIGNAL_MASK_SIZE], 'Start it again when asked.', {
      tolerate: ['EINTR'],
      onError: 'wait',
      label: 'wait',
    }),
    call('jump', [], '', { onZero: 'start' }),
    call('rt_sigprocmask', [flags('SIG_UNBLOCK'), SET, NULL, SIGNAL_MASK_SIZE], '', { label: 'agent' }),
    call('rt_sigaction', [
      flags('SIGCHLD'),
      { words: [0, 0, 0, 0], shown: '{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}' },
      NULL,
      SIGNAL_MASK_SIZE,
    ]),
    call('setsid', []),
    call('openat', [AT_FDCWD, logFile, flags('O_WRONLY', 'O_CREAT', 'O_APPEND'), mode(0o600)], '', {
      result: { at: 'log' },
    }),
    call('dup3', [{ load: 'log' }, 1, 0]),
    call('dup3', [{ load: 'log' }, 2, 0]),
    call('close', [{ load: 'log' }]),
    call('execve', [program, { words: agent }, { words: env }]),
    ...planFatal(),
  ]
}

const planSupervisorLeaf = (path: string): Call[] => {
  const call = calls('holder.cgroup', 'cgroups(7)', 'cat /proc/self/cgroup')
  return [
    call('openat', [AT_FDCWD, path, flags('O_WRONLY', 'O_CLOEXEC'), 0], '', { result: { at: 'cgroup.procs' } }),
    call(
      'write',
      [{ load: 'cgroup.procs' }, '0', 1],
      'Processes sit in leaves only: the supervisors have one of theirs.',
    ),
  ]
}
