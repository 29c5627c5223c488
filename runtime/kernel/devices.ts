/** /dev of a container: a tmpfs with the six devices that every program expects (config-linux.md "Default Devices"). */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD } from '../init/uapi.ts'
import { planAttach, planBind, planFilesystem } from './mounts.ts'

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const

const LINKS = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
] as const

/** `ttyGid`: the group of terminals, if the user namespace maps it. */
export const planDevpts = (ttyGid: number | undefined): Call[] =>
  planFilesystem({
    name: 'devpts',
    type: 'devpts',
    options: ['mode=620', 'ptmxmode=666', ...(ttyGid === undefined ? [] : [`gid=${ttyGid}`])],
    attributes: ['NOSUID', 'NOEXEC'],
    why: 'Pseudo-terminals of its own, numbered from 0.',
  })

/** Before the root switch: a user namespace may not make device nodes, so the host's are bound. */
export const planOpenDevices = (): Call[] => [
  ...planFilesystem({
    name: 'dev',
    type: 'tmpfs',
    options: ['mode=755', 'size=65536k'],
    attributes: ['NOSUID'],
    why: 'A /dev of its own: the host’s would show every disk.',
  }),
  ...DEVICES.flatMap((device, index) =>
    planBind({
      name: `dev.${device}`,
      source: `/dev/${device}`,
      attributes: ['NOSUID', 'NOEXEC'],
      why: index === 0 ? 'The host’s devices that harm nobody: mknod(2) of one is refused in a user namespace.' : '',
      id: 'devices.open',
    }),
  ),
]

/** After it. */
export const planAttachDevices = (): Call[] => {
  const link = calls('devices.links', 'symlink(2)', 'ls -l /dev')
  return [
    ...planAttach({ name: 'dev', destination: '/dev', kind: 'directory', strict: true }),
    ...planAttach({ name: 'devpts', destination: '/dev/pts', kind: 'directory', strict: true }),
    ...DEVICES.flatMap((device) =>
      planAttach({ name: `dev.${device}`, destination: `/dev/${device}`, kind: 'file', id: `devices.${device}` }),
    ),
    ...LINKS.map(([target, path], index) =>
      link('symlinkat', [target, AT_FDCWD, path], index === 0 ? 'Standard names for the open descriptors.' : ''),
    ),
  ]
}
