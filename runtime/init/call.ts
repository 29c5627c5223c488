/**
 * One system call of an init program, as data. A list of these is what happens inside a container before its process
 * starts: it can be compiled (program.ts), shown as strace would show it (plan/strace.ts), and explained.
 */

export type ManPage = `${string}(${1 | 2 | 3 | 4 | 5 | 7 | 8})`

/** Where in the program's memory: a name, and bytes from its start. Memory is zeroed; it is as long as its longest use. */
export interface At {
  at: string
  offset?: number
  /** bytes; 8 unless told */
  size?: number
}

/** One argument of a call. */
export type Operand =
  | number
  | bigint
  /** Pointer to this text, NUL-terminated. */
  | string
  /** A number with the name it has in the headers: `MS_REC|MS_PRIVATE`. */
  | { name: string; value: number | bigint }
  /** Pointer to bytes, and how to show them. */
  | { bytes: Uint8Array; shown: string }
  /** Pointer to named memory. */
  | At
  /** The 32-bit number in named memory: a descriptor or pid that an earlier call left there. */
  | { load: string; offset?: number }
  /** Pointer to an array of 64-bit values; with a name, other calls can write into it. A NULL follows. `shown`: as strace shows the struct. */
  | { words: Operand[]; as?: string; shown?: string }

export type Errno = keyof typeof ERRNO

/** The errors that a program may take in its stride (include/uapi/asm-generic/errno-base.h, errno.h: all below 64). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  ENOSYS: 38,
  ELOOP: 40,
} as const

export interface Call {
  /** Stable id of the step it belongs to: 'mounts.proc'. Several calls may share one. */
  id: string
  /** One sentence for a learner; empty on the calls that only carry out an earlier one. */
  why: string
  man: ManPage
  /** A command that shows the effect while it lives. */
  see?: string
  /** Name of the system call, or 'jump', which makes none and goes to `onZero`. */
  call: string
  args: Operand[]
  /** Where the result goes (64 bits). */
  result?: At
  /** Errors that do not end the program. */
  tolerate?: readonly Errno[] | 'any'
  /** Where to go on after a tolerated error; the next call unless told. */
  onError?: string
  /** Where to go on when the result is 0: the child half of a clone, the end of a file. */
  onZero?: string
  /** Name of this place, to jump to. */
  label?: string
}

/** Shared facts of calls in a row: `const call = calls('mounts.proc', 'proc(5)')`. */
export const calls =
  (id: string, man: ManPage, see?: string) =>
  (call: string, args: Operand[], why = '', more: Partial<Call> = {}): Call => ({
    id,
    why,
    man,
    ...(see === undefined ? {} : { see }),
    call,
    args,
    ...more,
  })
