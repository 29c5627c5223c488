/** Constants of the kernel's headers, by the name they have there; `flags` keeps the name, so a call can be shown. */
const UAPI = {
  // include/uapi/asm-generic/fcntl.h: the same on both architectures, but for O_DIRECTORY (below)
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
  // include/uapi/linux/mount.h
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_REMOUNT: 32,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MNT_DETACH: 2,
  OPEN_TREE_CLONE: 1,
  OPEN_TREE_CLOEXEC: 0o2000000,
  MOVE_MOUNT_F_EMPTY_PATH: 4,
  MOVE_MOUNT_T_EMPTY_PATH: 0x40,
  FSOPEN_CLOEXEC: 1,
  FSMOUNT_CLOEXEC: 1,
  FSCONFIG_SET_FLAG: 0,
  FSCONFIG_SET_STRING: 1,
  FSCONFIG_CMD_CREATE: 6,
  MOUNT_ATTR_RDONLY: 1,
  MOUNT_ATTR_NOSUID: 2,
  MOUNT_ATTR_NODEV: 4,
  MOUNT_ATTR_NOEXEC: 8,
  // include/uapi/linux/openat2.h
  RESOLVE_NO_MAGICLINKS: 2,
  RESOLVE_NO_SYMLINKS: 4,
  RESOLVE_BENEATH: 8,
  RESOLVE_IN_ROOT: 16,
  // include/uapi/linux/sched.h
  CLONE_NEWNS: 0x00020000,
  CLONE_NEWCGROUP: 0x02000000,
  CLONE_NEWUTS: 0x04000000,
  CLONE_NEWIPC: 0x08000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
  SIGCHLD: 17,
  // include/uapi/linux/wait.h
  WNOHANG: 1,
  // include/uapi/linux/prctl.h, securebits.h, seccomp.h, capability.h
  PR_SET_PDEATHSIG: 1,
  PR_SET_KEEPCAPS: 8,
  PR_SET_NAME: 15,
  PR_CAPBSET_DROP: 24,
  PR_SET_NO_NEW_PRIVS: 38,
  PR_CAP_AMBIENT: 47,
  PR_CAP_AMBIENT_RAISE: 2,
  PR_CAP_AMBIENT_CLEAR_ALL: 4,
  SECCOMP_SET_MODE_FILTER: 1,
  // include/uapi/asm-generic/signal.h, signal-defs.h
  SIG_BLOCK: 0,
  SIG_UNBLOCK: 1,
  SIG_SETMASK: 2,
  SIGKILL: 9,
  SIGTERM: 15,
  // include/uapi/linux/close_range.h, stat.h, time.h
  CLOSE_RANGE_CLOEXEC: 4,
  S_IFREG: 0o100000,
  S_IFIFO: 0o010000,
  S_IFCHR: 0o020000,
  CLOCK_REALTIME: 0,
  CLOCK_MONOTONIC: 1,
  // include/uapi/asm-generic/ioctls.h, linux/sockios.h
  TIOCSCTTY: 0x540e,
  TIOCGPTPEER: 0x5441,
  TIOCSPTLCK: 0x40045431,
  TIOCSWINSZ: 0x5414,
  SIOCSIFFLAGS: 0x8914,
  AF_UNIX: 1,
  AF_INET: 2,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_CLOEXEC: 0o2000000,
  MSG_WAITALL: 0x100,
} as const

export type Constant = keyof typeof UAPI

/** The flags together, under their names: flags('MS_REC', 'MS_PRIVATE') is MS_REC|MS_PRIVATE. */
export const flags = (...names: Constant[]): { name: string; value: number } => ({
  name: names.join('|'),
  value: names.reduce((sum, name) => sum + UAPI[name], 0),
})

/** A file mode, shown as everybody writes it: 0755. */
export const mode = (value: number): { name: string; value: number } => ({ name: `0${value.toString(8)}`, value })

export const AT_FDCWD = flags('AT_FDCWD')
/** struct open_how of 24 bytes: flags, mode, resolve (openat2(2)). */
export const openHow = (open: { name: string; value: number }, resolve: { name: string; value: number }) => ({
  words: [open, 0, resolve],
  shown: `{flags=${open.name}, resolve=${resolve.name}}`,
})

/** A call takes -1 as a 64-bit word; close_range's last descriptor is an unsigned 32-bit number. */
export const LAST_FD = { name: '~0U', value: 0xffffffff }
export const NULL = { name: 'NULL', value: 0 }
