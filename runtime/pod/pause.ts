/**
 * The pause program: it makes a pod's namespaces last by living in them, and does nothing else (pause(2) in spirit;
 * four calls and a wait). Containers come and go; the address stays.
 */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, LAST_FD, NULL, flags } from '../init/uapi.ts'
import { planOwnMounts } from '../kernel/mounts.ts'
import { planUnshare } from '../kernel/namespaces.ts'
import { planHostname, planLoopback } from '../kernel/own-network.ts'
import { planPivotRoot } from '../kernel/rootfs.ts'
import { ALIVE_FD, planAlive, planBegin, planFatal, planTellPid } from '../plan/monitor.ts'

export interface PauseInput {
  /** Set in the pod's UTS namespace; none: it shares its parent's. */
  hostname: string | undefined
  /** Whether it has a network namespace of its own, whose loopback is still down. */
  ownNetwork: boolean
  /** Ids that the user namespace maps: 0 up to this, not included. */
  mappedIds: number
  /** Whether it is process 1 of a PID namespace that the pod's containers join. */
  ownPid: boolean
  /** cgroup.procs of its leaf, if there are cgroups. */
  cgroupProcs: string | undefined
  /** Directory where it holds a named pipe open, if somebody is to learn of its end. */
  watchedIn: string | undefined
}

const SIGNAL_MASK_SIZE = 8

/** Signals as the 64-bit set of the kernel: signal n is bit n-1. */
const signalSet = (...numbers: number[]): bigint => numbers.reduce((set, n) => set | (1n << BigInt(n - 1)), 0n)
const SIGINT = 2
const SIGTERM = 15

export const planPause = ({ hostname, ownNetwork, mappedIds, ownPid, cgroupProcs, watchedIn }: PauseInput): Call[] => [
  ...(ownPid ? planProcessOne() : []),
  ...(cgroupProcs === undefined ? [] : planEnter(cgroupProcs)),
  ...(watchedIn === undefined ? [] : planAlive({ directory: watchedIn }, 'pause')),
  ...planTellPid(),
  ...planBegin('pause'),
  ...(hostname === undefined ? [] : planHostname(hostname)),
  ...(ownNetwork ? planLoopback(mappedIds) : []),
  ...(ownPid ? planEmptyRoot() : []),
  ...planSleep(watchedIn !== undefined),
  ...planFatal(),
]

/** unshare(2) of a PID namespace counts for the next child only; the parent has nothing left to do. */
const planProcessOne = (): Call[] => {
  const call = calls('pause.pid', 'pid_namespaces(7)', 'readlink /proc/self/ns/pid')
  return [
    ...planUnshare(['pid']),
    call(
      'clone',
      [flags('SIGCHLD'), 0, 0, 0, 0],
      'Process 1 of the pod: orphans of every container become its children.',
      {
        onZero: 'one',
      },
    ),
    call('exit_group', [0]),
    {
      ...call(
        'rt_sigaction',
        [
          flags('SIGCHLD'),
          { words: [1, 0, 0, 0], shown: '{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}' },
          NULL,
          SIGNAL_MASK_SIZE,
        ],
        'Ignoring SIGCHLD makes the kernel reap them.',
      ),
      label: 'one',
    },
  ]
}

/** A directory on every machine, which is not needed any more. */
const EMPTY = '/proc'

/** Containers see this process in their own /proc, and whoever may trace it could go on by /proc/1/root. */
const planEmptyRoot = (): Call[] => [
  ...planOwnMounts(),
  calls('pause.root', 'tmpfs(5)', 'ls /proc/1/root')(
    'mount',
    ['tmpfs', EMPTY, 'tmpfs', flags('MS_RDONLY', 'MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'), 'size=0k,nr_inodes=1'],
    'An empty root: the containers of the pod would find the host’s in /proc/1/root.',
  ),
  ...planPivotRoot(EMPTY),
]

const planEnter = (path: string): Call[] => {
  const call = calls('pause.cgroup', 'cgroups(7)')
  return [
    call('openat', [AT_FDCWD, path, flags('O_WRONLY', 'O_CLOEXEC'), 0], '', { result: { at: 'cgroup.procs' } }),
    call('write', [{ load: 'cgroup.procs' }, '0', 1], 'The pause process has a leaf of its own.'),
  ]
}

const planSleep = (isWatched: boolean): Call[] => {
  const call = calls('pause.wait', 'sigwaitinfo(2)')
  const set = { words: [signalSet(SIGINT, SIGTERM)], shown: '[INT TERM]' }
  return [
    // The status descriptor with the last: who hears its end finds the others closed.
    ...(isWatched ? [call('close_range', [ALIVE_FD + 1, LAST_FD, 0])] : []),
    call('close_range', [0, isWatched ? ALIVE_FD - 1 : LAST_FD, 0]),
    call('rt_sigprocmask', [flags('SIG_BLOCK'), set, NULL, SIGNAL_MASK_SIZE]),
    call('rt_sigtimedwait', [set, NULL, NULL, SIGNAL_MASK_SIZE], 'Wait to be told to stop.', {
      tolerate: ['EINTR'],
      onError: 'pause.wait',
      label: 'pause.wait',
    }),
    call('exit_group', [0]),
  ]
}
