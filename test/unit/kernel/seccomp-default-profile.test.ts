import { describe, expect, test } from 'vitest'
import { CAPABILITIES, DEFAULT_CAPABILITIES } from '../../../runtime/kernel/capabilities.ts'
import { DEFAULT_PROFILE } from '../../../runtime/kernel/seccomp/default-profile.ts'
import { planFilter, unknownSyscalls } from '../../../runtime/kernel/seccomp/filter.ts'
import { stringifyJson } from '../../../runtime/kernel/seccomp/json.ts'
import { parseProfile, resolveProfile } from '../../../runtime/kernel/seccomp/profile.ts'
import { syscallNumber, syscallNumbers, type Arch } from '../../../runtime/kernel/syscall-numbers.ts'
import { check, run } from './bpf-interpreter.ts'

const AUDIT = { x86_64: 0xc000003e, aarch64: 0xc00000b7 }
const ALLOW = 0x7fff0000
const EPERM = 0x00050001
const ENOSYS = 0x00050026

const context = (capabilities: readonly string[] = DEFAULT_CAPABILITIES, arch: Arch = 'x86_64') => ({
  arch,
  capabilities,
  kernel: '6.18.44-fc',
})
const filter = (capabilities?: readonly string[], arch: Arch = 'x86_64') =>
  planFilter(resolveProfile(DEFAULT_PROFILE, context(capabilities, arch)), arch)
const ask = (name: string, args: bigint[] = [], capabilities?: readonly string[], arch: Arch = 'x86_64') =>
  run(filter(capabilities, arch).bytes, { arch: AUDIT[arch], nr: syscallNumber(arch, name) ?? -1, args }).verdict
const refused = (capabilities: readonly string[], arch: Arch) =>
  [...syscallNumbers(arch).keys()].filter((name) => ask(name, [], capabilities, arch) !== ALLOW).sort()

describe('the set is that of moby/profiles seccomp/default.json', () => {
  test('x86-64: what is left out, without any capability', () => {
    expect(refused([], 'x86_64').join(' ')).toMatchInlineSnapshot(
      `"_sysctl acct add_key afs_syscall bpf chroot clock_settime clone3 create_module delete_module fanotify_init file_getattr file_setattr finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pivot_root process_madvise putpmsg query_module quotactl quotactl_fd reboot request_key security set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog tuxcall umount2 unshare uprobe uselib userfaultfd ustat vhangup vserver"`,
    )
  })

  test('aarch64: what is left out, without any capability', () => {
    expect(refused([], 'aarch64').join(' ')).toMatchInlineSnapshot(
      `"acct add_key bpf chroot clock_settime clone3 delete_module fanotify_init file_getattr file_setattr finit_module fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup kcmp kexec_file_load kexec_load keyctl lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pivot_root process_madvise quotactl quotactl_fd reboot request_key set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon syslog umount2 unshare userfaultfd vhangup"`,
    )
  })

  test('what each capability opens on x86-64', () => {
    const nothing = new Set(refused([], 'x86_64'))
    const opened = CAPABILITIES.map((name) => {
      const still = new Set(refused([name], 'x86_64'))
      return `${name}: ${[...nothing].filter((call) => !still.has(call)).join(' ')}`
    }).filter((line) => !line.endsWith(': '))
    expect(opened.join('\n')).toMatchInlineSnapshot(`
      "CAP_DAC_READ_SEARCH: open_by_handle_at
      CAP_SYS_MODULE: delete_module finit_module init_module
      CAP_SYS_RAWIO: ioperm iopl
      CAP_SYS_CHROOT: chroot
      CAP_SYS_PTRACE: kcmp pidfd_getfd process_madvise
      CAP_SYS_PACCT: acct
      CAP_SYS_ADMIN: bpf clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount2 unshare
      CAP_SYS_BOOT: reboot
      CAP_SYS_NICE: get_mempolicy mbind set_mempolicy set_mempolicy_home_node
      CAP_SYS_TIME: clock_settime settimeofday
      CAP_SYS_TTY_CONFIG: vhangup
      CAP_SYSLOG: syslog
      CAP_PERFMON: perf_event_open
      CAP_BPF: bpf"
    `)
  })

  test('every name exists on one of the two architectures', () => {
    const lacking = new Set(unknownSyscalls(DEFAULT_PROFILE, 'aarch64'))
    expect(unknownSyscalls(DEFAULT_PROFILE, 'x86_64')).toEqual([])
    expect(lacking.has('open') && lacking.has('fork') && !lacking.has('openat')).toBe(true)
  })

  test('before Linux 4.8 there is no ptrace', () => {
    const on = (kernel: string) =>
      resolveProfile(DEFAULT_PROFILE, { ...context(), kernel }).syscalls?.some((rule) => rule.names.includes('ptrace'))
    expect([on('4.7.10'), on('4.8.0-rc1'), on('5.0'), on('6.18.44-fc')]).toEqual([false, true, true, true])
  })
})

describe('arguments', () => {
  test('clone makes threads, not namespaces', () => {
    expect(ask('clone', [0x3d0f00n])).toBe(ALLOW)
    for (const flag of [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n, 0x10000000n, 0x20000000n, 0x40000000n])
      expect([flag, ask('clone', [0x3d0f00n | flag])]).toEqual([flag, EPERM])
    expect(ask('clone', [0x10000000n], ['CAP_SYS_ADMIN'])).toBe(ALLOW)
  })

  test('clone3 does not exist without CAP_SYS_ADMIN', () => {
    expect([ask('clone3'), ask('clone3', [], ['CAP_SYS_ADMIN'])]).toEqual([ENOSYS, ALLOW])
  })

  test('socket: families in use; never DECnet, ALG, VSOCK, not even with a bit in the upper half', () => {
    const open = Array.from({ length: 50 }, (_, family) => family).filter((f) => ask('socket', [BigInt(f)]) === ALLOW)
    expect(open.join(' ')).toBe(
      '0 1 2 3 4 5 6 7 8 9 10 11 13 14 15 16 17 18 21 22 24 26 27 28 29 30 31 32 33 35 36 39 41 42 43 44 45',
    )
    for (const family of [38n, 40n, 2n]) expect(ask('socket', [(1n << 32n) | family])).toBe(EPERM)
    expect(ask('socket', [38n], [...CAPABILITIES])).toBe(EPERM)
  })

  test('personality: PER_LINUX, PER_LINUX32, UNAME26 and asking', () => {
    expect([0n, 8n, 0x20000n, 0x20008n, 0xffffffffn].map((p) => ask('personality', [p]))).toEqual(Array(5).fill(ALLOW))
    expect([1n, 9n, 0x40000n, 0x400000n, 0xffffffff_ffffffffn].map((p) => ask('personality', [p]))).toEqual(
      Array(5).fill(EPERM),
    )
  })
})

describe('what it costs', () => {
  test.each(['x86_64', 'aarch64'] as const)('%s: short, and few steps for a call', (arch) => {
    for (const capabilities of [DEFAULT_CAPABILITIES, [], [...CAPABILITIES]]) {
      const { bytes, instructions } = filter(capabilities, arch)
      check(bytes)
      expect(instructions).toBeLessThan(160)
      const steps = [...syscallNumbers(arch).values()].map((nr) => run(bytes, { arch: AUDIT[arch], nr }).steps)
      expect(steps.reduce((sum, n) => sum + n) / steps.length).toBeLessThan(12)
      expect(Math.max(...steps)).toBeLessThan(20)
    }
  })

  test('the second container gets the same bytes without a new compilation', () => {
    expect(filter()).toBe(filter([...DEFAULT_CAPABILITIES].reverse()))
  })
})

test('written to a file it is a profile that Docker and Podman read, and we', () => {
  const again = parseProfile(stringifyJson(DEFAULT_PROFILE, 2), 'default.json')
  expect(planFilter(resolveProfile(again, context()), 'x86_64').bytes).toEqual(filter().bytes)
})
