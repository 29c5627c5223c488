/** How likely the kernel's OOM killer takes this process first (proc_pid_oom_score_adj(5)). */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'

/** While /proc is still the host's, and before privileges go: raising needs none, lowering CAP_SYS_RESOURCE of the host. */
export const planOomScoreAdj = (value: number | undefined): Call[] => {
  if (value === undefined) return []
  const call = calls('process.oom-score-adj', 'proc_pid_oom_score_adj(5)', 'cat /proc/self/oom_score_adj')
  return [
    call(
      'openat',
      [AT_FDCWD, '/proc/self/oom_score_adj', flags('O_WRONLY', 'O_CLOEXEC'), 0],
      `When memory runs out, the kernel counts ${value} thousandths of it more for this process.`,
      { result: { at: 'oom-score-adj' } },
    ),
    call('write', [{ load: 'oom-score-adj' }, `${value}`, `${value}`.length]),
    call('close', [{ load: 'oom-score-adj' }]),
  ]
}
