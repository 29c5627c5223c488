/** User namespaces for ordinary users (user_namespaces(7)), and who forbids them. */
import type { Ended } from '../../rootless/run-program.ts'
import { AS_INNER_ROOT, attempt, describeEnd, readSysctl, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe, type Verdict } from './probe.ts'

const MAX = 'user.max_user_namespaces'
const CLONE = 'kernel.unprivileged_userns_clone'
const APPARMOR = 'kernel.apparmor_restrict_unprivileged_userns'
const APPARMOR_UNCONFINED = 'kernel.apparmor_restrict_unprivileged_unconfined'
/** Fewer than this, and a machine with some containers and a browser runs out. */
const ENOUGH = 100

type Switches = Record<string, string | undefined>

const readSwitches = (): Switches =>
  Object.fromEntries([MAX, CLONE, APPARMOR, APPARMOR_UNCONFINED].map((name) => [name, readSysctl(name)]))

const absent = (name: string): Verdict => unasked(`this kernel has no ${name}, or shows it to root alone`)

export const MAXIMUM = defineProbe<Switches>({
  id: 'userns.max',
  group: 'user namespaces',
  severity: 'blocker',
  title: `${MAX} allows enough of them`,
  why: 'The kernel counts the user namespaces of a user, and refuses one too many with "No space left on device".',
  advice: `sudo sysctl -w ${MAX}=28633`,
  see: 'namespaces(7)',
  read: readSwitches,
  judge({ [MAX]: value }) {
    if (value === undefined) return absent(MAX)
    if (Number(value) === 0) return bad(`${MAX} is 0: nobody may make one`)
    return Number(value) < ENOUGH ? bad(`${MAX} is ${value}`, { severity: 'warning' }) : fine(`${MAX} is ${value}`)
  },
})

export const SWITCH = defineProbe<Switches>({
  id: 'userns.clone',
  group: 'user namespaces',
  severity: 'blocker',
  title: `${CLONE} is not 0`,
  why: 'Debian and Arch have this switch; hardened kernels set it to 0, and only root may then make user namespaces.',
  advice: `sudo sysctl -w ${CLONE}=1`,
  see: 'user_namespaces(7)',
  read: readSwitches,
  judge({ [CLONE]: value }) {
    if (value === undefined) return absent(CLONE)
    return value === '0' ? bad(`${CLONE} is 0: only root may make one`) : fine(`${CLONE} is ${value}`)
  },
})

/** Whoever runs under a profile of his own that allows it (AppArmor's `userns,`) is not concerned. */
interface Confined {
  switches: Switches
  /** Of /proc/self/attr/current: `unconfined`, or a profile and its mode. */
  profile: string | undefined
  /** What the real thing came to. */
  works: boolean
}

const readConfined = async (host: Host): Promise<Confined> => ({
  switches: readSwitches(),
  profile: readText('/proc/self/attr/current')?.replaceAll('\0', '').trim(),
  works: (await attempt(MOUNT_SOMETHING, host)).code === 0,
})

export const RESTRICTION = defineProbe<Confined>({
  id: 'userns.apparmor',
  group: 'user namespaces',
  severity: 'blocker',
  title: 'AppArmor leaves the capabilities in a user namespace',
  why:
    'Since 23.10 Ubuntu lets every program make a user namespace, but takes the capabilities in it from those whose ' +
    'profile does not allow them: then not even an id map can be written.',
  advice: `sudo sysctl -w ${APPARMOR}=0`,
  see: 'apparmor.d(5), https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces',
  read: readConfined,
  judge({ switches: { [APPARMOR]: value }, profile, works }) {
    if (value === undefined) return absent(APPARMOR)
    if (value === '0') return fine(`${APPARMOR} is 0`)
    const found = `${APPARMOR} is ${value}, and this program runs as ${profile ?? 'unconfined'}`
    return works ? fine(`${found}, whose profile allows it`) : bad(found)
  },
})

export const UNCONFINED = defineProbe<Confined>({
  id: 'userns.apparmor-unconfined',
  group: 'user namespaces',
  severity: 'note',
  title: 'an unconfined program may take a profile that allows user namespaces',
  why:
    'With this second switch of Ubuntu, aa-exec(1) cannot bring a program under a profile that allows user ' +
    'namespaces: the profile must be attached to the path of the program by root.',
  advice: `sudo sysctl -w ${APPARMOR_UNCONFINED}=0`,
  see: 'aa-exec(1), apparmor.d(5)',
  read: readConfined,
  judge({ switches: { [APPARMOR]: first, [APPARMOR_UNCONFINED]: value }, works }) {
    if (value === undefined) return absent(APPARMOR_UNCONFINED)
    if (value === '0') return fine(`${APPARMOR_UNCONFINED} is 0`)
    if (works || first === '0') return fine(`${APPARMOR_UNCONFINED} is ${value}, and is not in the way`)
    return bad(`${APPARMOR_UNCONFINED} is ${value}: aa-exec is no way around ${APPARMOR}`)
  },
})

interface Created {
  made: Ended
  switches: Switches
  /** Mode of seccomp in /proc/self/status: 2 is a filter. */
  seccomp: string | undefined
}

const cause = (switches: Switches): Extract<Verdict, { is: 'bad' }> & { advice: string } => {
  for (const probe of [MAXIMUM, SWITCH]) {
    const verdict = probe.judge(switches)
    if (verdict.is === 'bad') return { ...verdict, advice: probe.advice }
  }
  return { is: 'bad', found: '', advice: '' }
}

export const CREATE = defineProbe<Created>({
  id: 'userns.create',
  group: 'user namespaces',
  severity: 'blocker',
  title: 'a user namespace can be made',
  why:
    'A container of an ordinary user begins with a user namespace, in which it is root. Kernels, sandboxes and other ' +
    'containers may refuse to make one.',
  advice: `sysctl ${MAX} ${CLONE} ${APPARMOR}  # outside of a container or chroot, if this is one`,
  see: 'user_namespaces(7), unshare(1)',
  read: async (host) => ({
    made: await attempt(['unshare', '--user', 'true'], host),
    switches: readSwitches(),
    seccomp: /^Seccomp:\s*(\d)/m.exec(readText('/proc/self/status') ?? '')?.[1],
  }),
  judge({ made, switches, seccomp }) {
    if (made.code === 0) return fine('unshare --user works')
    const said = `unshare --user: ${describeEnd(made)}`
    const { found, advice } = cause(switches)
    if (found !== '') return bad(`${said}; ${found}`, { try: advice })
    if (seccomp === '2' && /not permitted|not implemented/.test(said)) {
      return bad(`${said}; this process runs under a seccomp filter: probably a container`, {
        try: '# run outside of this container, or start it with --security-opt seccomp=unconfined',
      })
    }
    return bad(said)
  },
})

const MOUNT_SOMETHING = [...AS_INNER_ROOT, '--mount', 'mount', '-t', 'tmpfs', 'glasspod-doctor', '/tmp']

export const CAPABILITIES = defineProbe<{ mounted: Ended; switches: Switches }>({
  id: 'userns.capabilities',
  group: 'user namespaces',
  severity: 'blocker',
  title: 'root of a user namespace may mount',
  why:
    'In its user namespace a process has all capabilities, unless a security module takes them away again. Without ' +
    'CAP_SYS_ADMIN there is neither a mount nor a root switch.',
  advice: `sysctl ${APPARMOR}; sudo sysctl -w ${APPARMOR}=0`,
  see: 'user_namespaces(7), mount_namespaces(7)',
  needs: ['userns.create'],
  read: async (host) => ({ mounted: await attempt(MOUNT_SOMETHING, host), switches: readSwitches() }),
  judge({ mounted, switches: { [APPARMOR]: apparmor } }) {
    if (mounted.code === 0) return fine('a tmpfs was mounted in one')
    const found = `mounting a tmpfs in one: ${describeEnd(mounted)}`
    return apparmor === '1' ? bad(`${found}; ${APPARMOR} is 1`) : bad(found)
  },
})

const KINDS = { mount: 'mnt', net: 'net', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup', pid: 'pid' }
const maximumOf = (kind: string): string => `user.max_${kind}_namespaces`
const raise = (kinds: readonly string[]): string => {
  const [only = '', ...others] = kinds
  return others.length === 0
    ? `sudo sysctl -w ${maximumOf(only)}=28633`
    : `for kind in ${kinds.join(' ')}; do sudo sysctl -w ${maximumOf('${kind}')}=28633; done`
}

const FORBIDDEN =
  'sudo dmesg | tail   # no maximum is low: a seccomp filter, a security module or an outer container forbids it'

interface Kinds {
  made: Ended
  /** By the kernel's name of the kind; of a kernel that shows them. */
  maxima: Record<string, number>
}

export const KINDS_PROBE = defineProbe<Kinds>({
  id: 'userns.kinds',
  group: 'user namespaces',
  severity: 'blocker',
  title: 'namespaces of every other kind can be made in it',
  why: 'A container has mount, network, ipc, uts, cgroup and pid namespaces; each kind has a maximum of its own.',
  advice: raise(Object.values(KINDS)),
  see: 'namespaces(7)',
  needs: ['userns.create', 'userns.capabilities'],
  read: async (host) => ({
    made: await attempt([...AS_INNER_ROOT, ...Object.keys(KINDS).map((kind) => `--${kind}`), '--fork', 'true'], host),
    maxima: Object.fromEntries(
      Object.values(KINDS).flatMap((kind) => {
        const value = readSysctl(maximumOf(kind))
        return value === undefined ? [] : [[kind, Number(value)]]
      }),
    ),
  }),
  judge({ made, maxima }) {
    if (made.code === 0) return fine('mount, net, ipc, uts, cgroup and pid were made')
    const low = Object.keys(maxima).filter((kind) => (maxima[kind] ?? 0) < ENOUGH)
    const found = [`unshare: ${describeEnd(made)}`, ...low.map((kind) => `${maximumOf(kind)} is ${maxima[kind]}`)]
    if (Object.keys(maxima).length === 0) return bad(found.join('; '))
    return bad(found.join('; '), { try: low.length === 0 ? FORBIDDEN : raise(low) })
  },
})

export const USERNS_PROBES: readonly Probe[] = [
  CREATE,
  CAPABILITIES,
  KINDS_PROBE,
  MAXIMUM,
  SWITCH,
  RESTRICTION,
  UNCONFINED,
]
