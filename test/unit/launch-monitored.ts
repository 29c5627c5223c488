/** A program under a monitor, as a container is but for the container: for the tests of what both sides have in common. */
import { calls, type Call } from '../../runtime/init/call.ts'
import { AT_FDCWD, flags } from '../../runtime/init/uapi.ts'
import { planExecute } from '../../runtime/plan/execve.ts'
import { planTellPid } from '../../runtime/plan/monitor.ts'
import { planMonitored, planStdio } from '../../runtime/plan/monitored.ts'
import type { TerminalSize } from '../../runtime/plan/terminal.ts'

const call = calls('test.monitored', 'clone(2)')
const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

export interface Monitored {
  directory: string
  script: string
  openStdin?: boolean
  keepStdin?: boolean
  terminal?: TerminalSize
}

/** The master of the host's own devpts: its ptmx link is followed, which a container's never is. */
const planHostTerminal = (): Call[] => [
  call('openat', [AT_FDCWD, '/dev/ptmx', flags('O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'), 0], '', {
    result: { at: 'stdout.pipe' },
  }),
  call('ioctl', [{ load: 'stdout.pipe' }, flags('TIOCSPTLCK'), { at: 'unlock' }]),
]

export const planScript = ({ directory, script, openStdin = false, keepStdin = false, terminal }: Monitored): Call[] =>
  planMonitored({
    directory,
    openTerminal: terminal === undefined ? undefined : planHostTerminal(),
    terminalSize: terminal,
    openStdin,
    keepStdin,
    cgroup: undefined,
    enterPid: [],
    inside: [
      ...planTellPid(),
      ...planStdio(terminal !== undefined, user),
      ...planExecute({ args: ['sh', '-c', script], env: ['PATH=/usr/bin:/bin'], cwd: '/' }),
    ],
  })
