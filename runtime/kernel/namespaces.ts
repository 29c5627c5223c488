/** Namespaces (namespaces(7)): the files that name them, the order to join them in, what a process is in. */
import { readlinkSync } from 'node:fs'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags, type Constant } from '../init/uapi.ts'

/** As /proc/PID/ns and nsenter(1) name them; user first, it owns the rest and grants the right to enter them. */
export const NAMESPACES = ['user', 'ipc', 'uts', 'net', 'cgroup', 'mnt', 'pid'] as const
export type Namespace = (typeof NAMESPACES)[number]

const CLONE_FLAG: Record<Namespace, Constant> = {
  user: 'CLONE_NEWUSER',
  ipc: 'CLONE_NEWIPC',
  uts: 'CLONE_NEWUTS',
  net: 'CLONE_NEWNET',
  cgroup: 'CLONE_NEWCGROUP',
  mnt: 'CLONE_NEWNS',
  pid: 'CLONE_NEWPID',
}

const WHY: Record<Namespace, string> = {
  user: 'Ids of its own: root inside is an ordinary user outside.',
  ipc: 'Shared memory and message queues of its own.',
  uts: 'A host name of its own.',
  net: 'Interfaces, addresses, routes and ports of its own.',
  cgroup: 'Its own cgroup is the root of what it sees.',
  mnt: 'Mounts of its own.',
  pid: 'The next child is process 1 of a new PID namespace and sees no process outside it.',
}

const MAN = {
  user: 'user_namespaces(7)',
  ipc: 'ipc_namespaces(7)',
  uts: 'uts_namespaces(7)',
  net: 'network_namespaces(7)',
  cgroup: 'cgroup_namespaces(7)',
  mnt: 'mount_namespaces(7)',
  pid: 'pid_namespaces(7)',
} as const

/** unshare(2), one namespace a call, so that each can be explained and each can fail by name. */
export const planUnshare = (which: readonly Namespace[]): Call[] =>
  which.map((namespace) =>
    calls(`namespaces.${namespace}`, MAN[namespace], `readlink /proc/self/ns/${namespace}`)(
      'unshare',
      [flags(CLONE_FLAG[namespace])],
      WHY[namespace],
    ),
  )

/** setns(2) by a pidfd, which cannot come to mean another process. */
export const planJoin = (pidfd: string, which: readonly Namespace[]): Call[] => [
  calls('namespaces.join', 'setns(2)')(
    'setns',
    [{ load: pidfd }, flags(...which.map((namespace) => CLONE_FLAG[namespace]))],
    `Enter the container's ${which.join(', ')} namespace${which.length === 1 ? '' : 's'}.`,
  ),
]

/** setns(2) of a PID namespace counts for the next child only, as unshare(2) of one does. */
export const planJoinPid = (path: string): Call[] => {
  const call = calls('namespaces.pid', 'setns(2)', 'readlink /proc/self/ns/pid')
  return [
    call('openat', [AT_FDCWD, path, flags('O_RDONLY', 'O_CLOEXEC'), 0], '', { result: { at: 'pid.namespace' } }),
    call(
      'setns',
      [{ load: 'pid.namespace' }, flags('CLONE_NEWPID')],
      'The next child is in the PID namespace of the pod, beside its other containers.',
    ),
  ]
}

export const namespacePath = (pid: number | 'self', namespace: Namespace): string => `/proc/${pid}/ns/${namespace}`

/** Inode number of a process's namespace: two processes share it if the numbers are equal. Undefined: the process is gone. */
export const readNamespaceInode = (pid: number | 'self', namespace: Namespace): number | undefined => {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(namespacePath(pid, namespace)))?.[1])
  } catch {
    return undefined
  }
}
