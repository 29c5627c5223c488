/**
 * Who the process is and what it may do (credentials(7), capabilities(7), seccomp(2)), in the one order that works:
 * bounding set first (dropping it takes CAP_SETPCAP), the filter while CAP_SYS_ADMIN is left or after no_new_privs, ids
 * before the capability sets (setresuid clears them), PDEATHSIG after the ids (setresuid clears that too).
 */
import { calls, type Call } from '../init/call.ts'
import { NULL, flags, mode } from '../init/uapi.ts'
import type { OciProcess } from '../spec/oci.ts'
import {
  CAPABILITIES,
  capabilityNumber,
  capsetData,
  capsetHeader,
  droppedFromBounding,
  type Capability,
} from './capabilities.ts'
import { RLIMITS } from './rlimits.ts'

/** A sock_filter array, and SECCOMP_FILTER_FLAG_* for seccomp(2). */
export interface Filter {
  bytes: Uint8Array
  flags: number
}

export interface Credentials {
  process: OciProcess
  /** A classic BPF program, or none for an unconfined container. */
  filter: Filter | undefined
  /** Whether setgroups(2) is allowed: not in a user namespace with a single-id map. */
  setGroups: boolean
  /** Highest capability that the running kernel knows (/proc/sys/kernel/cap_last_cap). */
  lastCap: number
}

const asCapability = (name: string): Capability => {
  const known = CAPABILITIES.find((capability) => capability === name)
  if (known === undefined) throw new Error(`${name} is not a capability`)
  return known
}

const planRlimits = (process: OciProcess): Call[] =>
  process.rlimits.map(({ type, soft, hard }) =>
    calls('process.rlimits', 'prlimit(2)', 'ulimit -a')(
      'prlimit64',
      [
        0,
        { name: type, value: rlimitNumber(type) },
        { words: [soft, hard], shown: `{rlim_cur=${soft}, rlim_max=${hard}}` },
        NULL,
      ],
      `Limit ${type} to ${soft}.`,
    ),
  )

const rlimitNumber = (type: string): number => {
  const number = (RLIMITS as Record<string, number>)[type]
  if (number === undefined) throw new Error(`${type} is not a resource limit`)
  return number
}

const planBounding = (bounding: readonly Capability[], lastCap: number): Call[] =>
  droppedFromBounding(bounding, lastCap).map((number, index) =>
    calls('process.bounding', 'capabilities(7)', 'grep CapBnd /proc/self/status')(
      'prctl',
      [flags('PR_CAPBSET_DROP'), { name: CAPABILITIES[number] ?? `${number}`, value: number }, 0, 0, 0],
      index === 0 ? 'What is not in the bounding set can never be gained again, not even by a setuid program.' : '',
    ),
  )

const planFilter = ({ bytes, flags: filterFlags }: Filter): Call[] => [
  calls('process.seccomp', 'seccomp(2)', 'grep Seccomp /proc/self/status')(
    'seccomp',
    [
      flags('SECCOMP_SET_MODE_FILTER'),
      filterFlags,
      {
        words: [bytes.length / 8, { bytes, shown: '…' }],
        shown: `{len=${bytes.length / 8}, filter=…}`,
      },
    ],
    'From here on the kernel refuses the system calls that the profile does not allow.',
  ),
]

const planIds = ({ user }: OciProcess, setGroups: boolean): Call[] => {
  const call = calls('process.user', 'credentials(7)', 'id')
  const groups = new Uint8Array(Uint32Array.from(user.additionalGids).buffer)
  return [
    ...(setGroups
      ? [
          call('setgroups', [
            user.additionalGids.length,
            { bytes: groups, shown: `[${user.additionalGids.join(', ')}]` },
          ]),
        ]
      : []),
    call('setresgid', [user.gid, user.gid, user.gid]),
    call('setresuid', [user.uid, user.uid, user.uid], `Become user ${user.uid}, group ${user.gid} of the container.`),
    calls('process.umask', 'umask(2)', 'grep Umask /proc/self/status')(
      'umask',
      [mode(user.umask ?? 0o022)],
      'New files are not writable for others unless their maker says so.',
    ),
  ]
}

/** As strace shows a set: 1<<CAP_CHOWN|1<<CAP_KILL, by number. */
const formatSet = (names: readonly Capability[]): string =>
  names
    .toSorted((a, b) => capabilityNumber(a) - capabilityNumber(b))
    .map((name) => `1<<${name}`)
    .join('|') || '0'

const planCapabilitySets = ({ capabilities }: OciProcess): Call[] => {
  const call = calls('process.capabilities', 'capabilities(7)', 'grep Cap /proc/self/status')
  const names = (list: string[]) => list.map(asCapability)
  const ambient = names(capabilities.ambient)
  return [
    call(
      'capset',
      [
        { bytes: capsetHeader(), shown: '{version=_LINUX_CAPABILITY_VERSION_3, pid=0}' },
        {
          bytes: capsetData({
            effective: names(capabilities.effective),
            permitted: names(capabilities.permitted),
            inheritable: names(capabilities.inheritable),
          }),
          shown: `{${(['effective', 'permitted', 'inheritable'] as const).map((set) => `${set}=${formatSet(names(capabilities[set]))}`).join(', ')}}`,
        },
      ],
      'Keep only the capabilities that the container is given.',
    ),
    ...ambient.map((name) =>
      call('prctl', [
        flags('PR_CAP_AMBIENT'),
        flags('PR_CAP_AMBIENT_RAISE'),
        { name, value: capabilityNumber(name) },
        0,
        0,
      ]),
    ),
  ]
}

export const planCredentials = ({ process, filter, setGroups, lastCap }: Credentials): Call[] => {
  const noNewPrivileges = calls('process.no-new-privileges', 'prctl(2)', 'grep NoNewPrivs /proc/self/status')(
    'prctl',
    [flags('PR_SET_NO_NEW_PRIVS'), 1, 0, 0, 0],
    'No program executed from here on can gain privileges: setuid bits count for nothing.',
  )
  const seccomp = filter === undefined ? [] : planFilter(filter)
  return [
    ...planRlimits(process),
    ...planBounding(process.capabilities.bounding.map(asCapability), lastCap),
    ...(process.noNewPrivileges ? [noNewPrivileges] : seccomp),
    calls('process.user', 'prctl(2)')('prctl', [flags('PR_SET_KEEPCAPS'), 1, 0, 0, 0]),
    ...planIds(process, setGroups),
    ...planCapabilitySets(process),
    calls('process.user', 'prctl(2)')(
      'prctl',
      [flags('PR_SET_KEEPCAPS'), 0, 0, 0, 0],
      'From here on a change of user takes capabilities along, as usual.',
    ),
    calls('process.death-signal', 'prctl(2)')(
      'prctl',
      [flags('PR_SET_PDEATHSIG'), flags('SIGKILL'), 0, 0, 0],
      'If the monitor dies, the container dies with it: a container that nobody watches would be lost.',
    ),
    ...(process.noNewPrivileges ? seccomp : []),
  ]
}
