/**
 * The default seccomp profile, as a table with a reason for each group. What it allows is, as a fact, what Docker's
 * default allows: moby/profiles seccomp/default.json at 02e898b137aed1024e232d59bcb05e6179b72177 (2026; with the socket
 * families closed after CVE-2026-31431, and without the kernel keyring calls), for the calls that x86-64 and aarch64
 * have: the 32-bit and other architectures' names are left out, since their calls are refused as a whole.
 *
 * Refused to everyone, by not being here: io_uring_* (its operations pass by seccomp), userfaultfd, keyctl, add_key and
 * request_key (keyrings are not namespaced), kexec_*, swapon, pivot_root, move_pages, migrate_pages, and the obsolete.
 */
import type { Condition, ProfileRule, SeccompArg, SeccompProfile } from './profile.ts'

interface Group {
  why: string
  calls: string
  includes?: Condition
  excludes?: Condition
  args?: SeccompArg[]
  /** Instead of allowing. */
  errno?: number
}

const ENOSYS = 38
const EPERM = 1

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, linux/sched.h. */
export const CLONE_NAMESPACES = 0x7e020000

/** What a program does with its own memory, threads, files and time; and what the kernel checks by itself anyway. */
const ALWAYS: Group[] = [
  {
    why: 'start, wait for and end processes and threads; fork needs clone, whose rule is below',
    calls: `execve execveat exit exit_group fork vfork wait4 waitid set_tid_address set_robust_list get_robust_list
      restart_syscall rseq pidfd_open pidfd_send_signal process_mrelease prctl seccomp landlock_create_ruleset
      landlock_add_rule landlock_restrict_self get_thread_area set_thread_area`,
  },
  {
    why: 'say who one is: ids, groups, sessions, limits; the kernel checks each change against the capabilities',
    calls: `getpid getppid gettid getpgid getpgrp setpgid getsid setsid getuid geteuid getgid getegid getresuid
      getresgid getgroups setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capget capset
      umask uname sysinfo times getrusage getrlimit setrlimit prlimit64 getpriority setpriority getcpu getrandom`,
  },
  {
    why: 'signals, and waiting for them',
    calls: `kill tkill tgkill pause sigaltstack rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
      rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo signalfd signalfd4`,
  },
  {
    why: 'memory of the process itself',
    calls: `brk mmap munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall mseal
      membarrier memfd_create memfd_secret remap_file_pages pkey_alloc pkey_free pkey_mprotect map_shadow_stack
      uretprobe`,
  },
  {
    why: 'locks between threads',
    calls: 'futex futex_wait futex_wake futex_waitv futex_requeue',
  },
  {
    why: 'scheduling of the own processes',
    calls: `sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
      sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval
      ioprio_get ioprio_set`,
  },
  {
    why: 'clocks and timers; setting the clock needs CAP_SYS_TIME, which the kernel checks in adjtimex',
    calls: `time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep clock_adjtime adjtimex alarm
      getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
      timerfd_gettime timerfd_settime`,
  },
  {
    why: 'open, read and write',
    calls: `open openat openat2 creat close close_range read readv pread64 preadv preadv2 write writev pwrite64 pwritev
      pwritev2 lseek dup dup2 dup3 fcntl ioctl flock pipe pipe2 sendfile splice tee vmsplice copy_file_range
      readahead fadvise64 fallocate truncate ftruncate sync syncfs fsync fdatasync sync_file_range cachestat`,
  },
  {
    why: 'names, owners, modes and times of files',
    calls: `access faccessat faccessat2 chdir fchdir getcwd getdents getdents64 mkdir mkdirat rmdir mknod mknodat link
      linkat symlink symlinkat readlink readlinkat rename renameat renameat2 unlink unlinkat chmod fchmod fchmodat
      fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat name_to_handle_at`,
  },
  {
    why: 'ask about files, file systems and mounts',
    calls: 'stat fstat lstat newfstatat statx statfs fstatfs statmount listmount',
  },
  {
    why: 'extended attributes',
    calls: `getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr
      flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  },
  {
    why: 'wait for descriptors and watch files; fanotify_mark is useless without fanotify_init',
    calls: `poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
      epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
      fanotify_mark`,
  },
  {
    why: 'sockets once made; making them is ruled by family, below',
    calls: `socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt sendto
      sendmsg sendmmsg recvfrom recvmsg recvmmsg`,
  },
  {
    why: 'System V and POSIX communication, which the ipc namespace confines',
    calls: `msgget msgctl msgsnd msgrcv semget semctl semop semtimedop shmget shmctl shmat shmdt mq_open mq_unlink
      mq_timedsend mq_timedreceive mq_notify mq_getsetattr`,
  },
  {
    why: 'the old asynchronous input and output',
    calls: 'io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents',
  },
]

const WITHOUT_ADMIN: Condition = { caps: ['CAP_SYS_ADMIN'] }

const CONDITIONAL: Group[] = [
  {
    why: 'debuggers; before Linux 4.8 ptrace could pass by a seccomp filter',
    calls: 'ptrace process_vm_readv process_vm_writev',
    includes: { minKernel: '4.8' },
  },
  { why: 'the x86-64 thread register', calls: 'arch_prctl', includes: { arches: ['amd64', 'x32'] } },
  { why: '16-bit segments, for Wine', calls: 'modify_ldt', includes: { arches: ['amd64', 'x32', 'x86'] } },
  {
    why: 'opening by handle walks out of the root directory (the Shocker escape)',
    calls: 'open_by_handle_at',
    includes: { caps: ['CAP_DAC_READ_SEARCH'] },
  },
  {
    why: 'mounts, namespaces and whatever else CAP_SYS_ADMIN is for; kept from a user namespace of the container too',
    calls: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
      lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
      setdomainname sethostname setns syslog umount2 unshare`,
    includes: WITHOUT_ADMIN,
  },
  {
    why: 'clone for processes and threads, but with none of the CLONE_NEW flags',
    calls: 'clone',
    args: [{ index: 0, value: CLONE_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    excludes: WITHOUT_ADMIN,
  },
  {
    why: "clone3's flags lie in memory that a filter cannot read; with ENOSYS a libc falls back on clone",
    calls: 'clone3',
    errno: ENOSYS,
    excludes: WITHOUT_ADMIN,
  },
  { why: 'reboot(2)', calls: 'reboot', includes: { caps: ['CAP_SYS_BOOT'] } },
  { why: 'chroot(2)', calls: 'chroot', includes: { caps: ['CAP_SYS_CHROOT'] } },
  {
    why: 'kernel modules',
    calls: 'init_module finit_module delete_module',
    includes: { caps: ['CAP_SYS_MODULE'] },
  },
  { why: 'process accounting', calls: 'acct', includes: { caps: ['CAP_SYS_PACCT'] } },
  {
    why: 'the insides of other processes',
    calls: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
    includes: { caps: ['CAP_SYS_PTRACE'] },
  },
  { why: 'x86 input and output ports', calls: 'iopl ioperm', includes: { caps: ['CAP_SYS_RAWIO'] } },
  { why: 'set the clock', calls: 'settimeofday clock_settime', includes: { caps: ['CAP_SYS_TIME'] } },
  { why: 'hang up a terminal', calls: 'vhangup', includes: { caps: ['CAP_SYS_TTY_CONFIG'] } },
  {
    why: 'placement of memory on NUMA nodes',
    calls: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
    includes: { caps: ['CAP_SYS_NICE'] },
  },
  { why: "the kernel's log", calls: 'syslog', includes: { caps: ['CAP_SYSLOG'] } },
  { why: 'BPF programs', calls: 'bpf', includes: { caps: ['CAP_BPF'] } },
  { why: 'performance counters', calls: 'perf_event_open', includes: { caps: ['CAP_PERFMON'] } },
]

/**
 * PER_LINUX, PER_LINUX32, UNAME26 (0x20000), both, and 0xffffffff which only asks (personality(2)). Others switch off
 * address randomisation or make null mappable.
 */
const PERSONALITIES = [0, 0x8, 0x20000, 0x20008, 0xffffffff]

/**
 * Address families (linux/socket.h) that a socket may have: all below DECnet (12), and of the rest those with users.
 * Closed: 12 DECnet, 19 ECONET, 20 ATMSVC, 23 IrDA, 25 WANPIPE, 34 ISDN, 37 CAIF, 38 ALG (CVE-2026-31431), 40 VSOCK (it
 * reaches the hypervisor past every namespace), and what comes after 45. Listed, not excluded: an int argument's
 * upper half is free, and 40 + 2^32 is AF_VSOCK for the kernel, too.
 */
const FIRST_CLOSED_FAMILY = 12
const OPEN_FAMILIES = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
]

const ruleOf = (group: Group): ProfileRule => ({
  names: group.calls.trim().split(/\s+/),
  ...(group.errno === undefined ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: group.errno }),
  ...(group.args && { args: group.args }),
  comment: group.why,
  ...(group.includes && { includes: group.includes }),
  ...(group.excludes && { excludes: group.excludes }),
})

const allowArgument = (call: string, why: string, op: SeccompArg['op'], value: number): ProfileRule =>
  ruleOf({ why, calls: call, args: [{ index: 0, value, op }] })

/** In the format of Docker's and Podman's profiles: written to a file it can be given to either of them. */
export const DEFAULT_PROFILE: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: EPERM,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: [] },
  ],
  syscalls: [
    ...ALWAYS.map(ruleOf),
    allowArgument('socket', 'address families in common use', 'SCMP_CMP_LT', FIRST_CLOSED_FAMILY),
    ...OPEN_FAMILIES.map((family) => allowArgument('socket', `address family ${family}`, 'SCMP_CMP_EQ', family)),
    ...PERSONALITIES.map((value) => allowArgument('personality', 'harmless personalities', 'SCMP_CMP_EQ', value)),
    ...CONDITIONAL.map(ruleOf),
  ],
}
