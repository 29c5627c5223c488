/** The kernel itself: its version, its machine, and its security modules. */
import { readText } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

/** mount_setattr(2); the newest call that no container can do without. */
const OLDEST = [5, 12] as const

export const VERSION = defineProbe<string>({
  id: 'kernel.version',
  group: 'kernel',
  severity: 'blocker',
  title: `Linux is ${OLDEST.join('.')} or newer`,
  why: 'Overlay in a user namespace came with 5.11, mount_setattr(2), which makes a mount read-only as a whole, with 5.12.',
  advice: 'uname -r  # a distribution of 2022 or newer has one (Debian 12, Ubuntu 24.04)',
  see: 'mount_setattr(2)',
  read: () => readText('/proc/sys/kernel/osrelease')?.trim() ?? '',
  judge(release) {
    const [major = 0, minor = 0] = release.split('.').map((word) => Number.parseInt(word))
    const isNew = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
    return isNew ? fine(`Linux ${release}`) : bad(`this is Linux ${release}`)
  },
})

const MACHINES: Record<string, string> = { x64: 'x86-64', arm64: 'aarch64' }

export const MACHINE = defineProbe<string>({
  id: 'kernel.machine',
  group: 'kernel',
  severity: 'blocker',
  title: 'the machine is an x86-64 or an aarch64',
  why: 'The program that makes a container is compiled for these two.',
  advice: 'uname -m  # a 64-bit system, and a Node.js of the same architecture',
  see: 'docs/architecture.md',
  read: () => process.arch,
  judge: (arch) => (MACHINES[arch] === undefined ? bad(`this Node.js is for ${arch}`) : fine(MACHINES[arch])),
})

export const SECCOMP = defineProbe<{ status: string; actions: string | undefined }>({
  id: 'kernel.seccomp',
  group: 'kernel',
  severity: 'blocker',
  title: 'system calls can be filtered (seccomp)',
  why: 'Every container gets a filter that refuses the calls it should not need.',
  advice:
    'grep SECCOMP /boot/config-$(uname -r)  # a kernel with CONFIG_SECCOMP_FILTER; or --security-opt seccomp=unconfined',
  see: 'seccomp(2)',
  read: () => ({
    status: readText('/proc/self/status') ?? '',
    actions: readText('/proc/sys/kernel/seccomp/actions_avail')?.trim(),
  }),
  judge({ status, actions }) {
    if (!/^Seccomp:/m.test(status)) return bad('no "Seccomp:" in /proc/self/status')
    if (actions?.includes('errno') !== true)
      return bad(`the filter has no action errno: ${actions ?? 'none is listed'}`)
    const filters = /^Seccomp_filters:\s*(\d+)/m.exec(status)?.[1] ?? '0'
    return fine(filters === '0' ? actions : `${actions}; this process has ${filters} already: probably a container`)
  },
})

export const SELINUX = defineProbe<string | undefined>({
  id: 'kernel.selinux',
  group: 'kernel',
  severity: 'note',
  title: 'SELinux does not stand in the way of volumes',
  why: 'Where it enforces, a process may be refused a file of the host whatever its mode says; glasspod sets no labels.',
  advice:
    'sudo ausearch -m avc -ts recent  # then chcon -Rt container_file_t DIRECTORY; sudo setenforce 0 shows whether it is the cause',
  see: 'selinux(8), chcon(1)',
  read: () => readText('/sys/fs/selinux/enforce')?.trim(),
  judge: (enforce) =>
    enforce === undefined
      ? unasked('there is no SELinux')
      : enforce === '1'
        ? bad('it enforces')
        : fine('it only warns'),
})

export const KERNEL_PROBES: readonly Probe[] = [VERSION, MACHINE, SECCOMP, SELINUX]
