/** The last calls of an init program: into the working directory, and into the program (execve(2), environ(7)). */
import { calls, type Call, type Errno } from '../init/call.ts'
import type { OciProcess } from '../spec/oci.ts'
import { STATUS_FD } from './monitor.ts'
import { LAST_FD, flags } from '../init/uapi.ts'

/** Where a program is looked for without a PATH: what Docker and Podman set. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Everything else closes when the program executes: no descriptor of the host is left (CVE-2024-21626). */
const planCloseOnExec = (): Call[] => [
  calls('process.descriptors', 'close_range(2)', 'ls /proc/self/fd')(
    'close_range',
    [STATUS_FD + 1, LAST_FD, 0],
    'Close every other descriptor: a working directory below /proc/self/fd finds none of the runtime’s.',
  ),
  // The last one says why the program could not be executed.
  calls('process.descriptors', 'close_range(2)')('close_range', [STATUS_FD, STATUS_FD, flags('CLOSE_RANGE_CLOEXEC')]),
]

/** As execvp(3) does it: each directory of PATH in turn, looked up by the kernel, inside the container. */
export const planExecute = ({ args, env, cwd }: Pick<OciProcess, 'args' | 'env' | 'cwd'>): Call[] => {
  const [program = '', ...rest] = args
  const call = calls('process.exec', 'execve(2)', 'cat /proc/self/cmdline')
  const argv = { words: [program, ...rest] }
  const envp = { words: env }
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? DEFAULT_PATH
  const candidates = program.includes('/')
    ? [program]
    : path.split(':').map((directory) => (directory === '' ? program : `${directory.replace(/\/+$/, '')}/${program}`))
  const tries = (tolerate: readonly Errno[]) =>
    candidates.map((candidate) => call('execve', [candidate, argv, envp], '', { tolerate }))
  const execute = [
    ...(candidates.length > 1 ? tries(['ENOENT', 'ENOTDIR', 'EACCES']) : []),
    // Nowhere: once more, now stopping at a file that is there but may not be executed (126, not 127) ...
    ...tries(candidates.length > 1 ? ['ENOENT', 'ENOTDIR'] : []),
  ].map((attempt, index) => ({ ...attempt, why: index === 0 ? `Become ${program}.` : '' }))
  // ... and the last directory's answer stands.
  const last = execute.at(-1)
  if (last !== undefined) last.tolerate = []
  return [
    ...planCloseOnExec(),
    calls('process.cwd', 'chdir(2)', 'readlink /proc/self/cwd')('chdir', [cwd], `Start in ${cwd}.`),
    ...execute,
  ]
}
