/** The shared memory of a pod: one tmpfs in the node's mount namespace, which each container gets a view of. */
import { calls, type Call } from '../init/call.ts'
import { flags } from '../init/uapi.ts'
import { planFatal, planTellPid } from '../plan/monitor.ts'

/** Docker's and Kubernetes' size of /dev/shm. */
const OPTIONS = 'mode=1777,size=65536k'

export const planMountMemory = (directory: string): Call[] => {
  const call = calls('pod.memory', 'shm_overview(7)', 'ls -l /dev/shm')
  return [
    ...planTellPid(),
    call(
      'mount',
      ['shm', directory, 'tmpfs', flags('MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'), OPTIONS],
      'Memory that every container of the pod sees as its /dev/shm.',
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
