/** The shared memory of a pod: one tmpfs in the node's mount namespace, which each container gets a view of. */
import { calls, type Call } from '../init/call.ts'
import { flags } from '../init/uapi.ts'
import type { ManPage } from '../init/call.ts'
import { planFatal, planTellPid } from '../plan/monitor.ts'

/** A tmpfs, and why it is there. */
export interface Memory extends MemoryMount {
  id: string
  why: string
  man: ManPage
  /** Its name in /proc/mounts. */
  source: string
  mode: string
  isExecutable: boolean
}

export interface MemoryMount {
  path: string
  /** Bytes; absent: half of the machine's memory, as the kernel has it. */
  size?: number
}

/** Docker's and Kubernetes' size of /dev/shm. */
const SHM_BYTES = 64 * 1024 * 1024

export const sharedMemory = (directory: string): Memory => ({
  id: 'pod.memory',
  why: 'Containers that share IPC share /dev/shm: POSIX shared memory is files there.',
  man: 'shm_overview(7)',
  source: 'shm',
  path: `${directory}/shm`,
  mode: '1777',
  size: SHM_BYTES,
  isExecutable: false,
})

/** An emptyDir of medium Memory: it outlives the containers that see it, and goes with the pod. */
export const memoryVolume = (mount: MemoryMount): Memory => ({
  ...mount,
  id: 'pod.volume',
  why: 'A volume in memory: a tmpfs that the containers of the pod share.',
  man: 'tmpfs(5)',
  source: 'tmpfs',
  mode: '0777',
  isExecutable: true,
})

const formatOptions = ({ mode, size }: Memory): string =>
  `mode=${mode}${size === undefined ? '' : `,size=${size % 1024 === 0 ? `${size / 1024}k` : size}`}`

export const planMountMemory = (memory: Memory): Call[] => {
  const call = calls(memory.id, memory.man, memory.id === 'pod.memory' ? 'ls -l /dev/shm' : undefined)
  const noexec = memory.isExecutable ? [] : (['MS_NOEXEC'] as const)
  return [
    ...planTellPid(),
    call(
      'mount',
      [memory.source, memory.path, 'tmpfs', flags('MS_NOSUID', 'MS_NODEV', ...noexec), formatOptions(memory)],
      memory.why,
    ),
    call('exit_group', [0]),
    ...planFatal(),
  ]
}

/** Gone already is as good. */
export const planUnmount = (directory: string): Call[] => {
  const call = calls('pod.memory', 'umount(2)')
  return [
    ...planTellPid(),
    call('umount2', [directory, flags('MNT_DETACH')], 'Let the memory go.', { tolerate: ['EINVAL', 'ENOENT'] }),
    call('exit_group', [0]),
    ...planFatal(),
  ]
}
