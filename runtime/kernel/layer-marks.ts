/**
 * What Node cannot do to the files of a layer, because it has no mknod(2), no setxattr(2) and no nanoseconds: overlayfs's
 * marks (kernel Documentation/filesystems/overlayfs.rst, with the mount option userxattr), named pipes, extended
 * attributes with file capabilities (xattr(7), capabilities(7)), exact times. A list of system calls does it for a whole
 * layer at once. Paths are absolute, and bytes: names in a layer need not be UTF-8.
 */
import { calls, type Call, type Operand } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'

interface At {
  readonly path: Buffer
}

export type Mark =
  /** Nothing is at the path; the device 0/0 hides what lower layers have there. */
  | (At & { readonly kind: 'whiteout' })
  /** The directory at the path hides what lower layers have in theirs. */
  | (At & { readonly kind: 'opaque' })
  /** In place of the empty file at the path. */
  | (At & { readonly kind: 'fifo'; readonly mode: number; readonly uid: number; readonly gid: number })
  /** In place of the file at the path: one more name of `target`. */
  | (At & { readonly kind: 'link'; readonly target: Buffer })
  /** `isOptional`: programs live without it (security.selinux), and a user namespace may not set it. */
  | (At & { readonly kind: 'xattr'; readonly name: Buffer; readonly value: Buffer; readonly isOptional: boolean })
  /** Since the epoch; also before it. */
  | (At & { readonly kind: 'time'; readonly seconds: number; readonly nanoseconds: number })

/** Carries them out, in their order. */
export type ApplyMarks = (marks: readonly Mark[]) => Promise<void>

/** A path as an argument. */
export const pathOperand = (bytes: Buffer): Operand => ({
  bytes: Buffer.concat([bytes, Buffer.alloc(1)]),
  shown: JSON.stringify(bytes.toString()),
})

const MAN = {
  whiteout: 'mknod(2)',
  opaque: 'setxattr(2)',
  fifo: 'mknod(2)',
  link: 'link(2)',
  xattr: 'setxattr(2)',
  time: 'utimensat(2)',
} as const

const planMark = (mark: Mark): Call[] => {
  const call = calls(`layer.${mark.kind}`, MAN[mark.kind])
  const path = pathOperand(mark.path)
  switch (mark.kind) {
    case 'whiteout':
      return [call('mknodat', [AT_FDCWD, path, flags('S_IFCHR'), 0])]
    case 'opaque':
      return [call('lsetxattr', [path, 'user.overlay.opaque', 'y', 1, 0])]
    case 'fifo':
      return [
        call('unlinkat', [AT_FDCWD, path, 0]),
        call('mknodat', [AT_FDCWD, path, flags('S_IFIFO'), 0]),
        call('fchownat', [AT_FDCWD, path, mark.uid, mark.gid, flags('AT_SYMLINK_NOFOLLOW')]),
        call('fchmodat', [AT_FDCWD, path, mark.mode]),
      ]
    case 'link':
      return [
        call('unlinkat', [AT_FDCWD, path, 0]),
        call('linkat', [AT_FDCWD, pathOperand(mark.target), AT_FDCWD, path, 0]),
      ]
    case 'xattr': {
      const value = { bytes: mark.value, shown: `${mark.value.length} bytes` }
      return [
        call('lsetxattr', [path, pathOperand(mark.name), value, mark.value.length, 0], '', {
          ...(mark.isOptional && { tolerate: 'any' }),
        }),
      ]
    }
    case 'time': {
      const time = [BigInt(mark.seconds), BigInt(mark.nanoseconds)]
      return [call('utimensat', [AT_FDCWD, path, { words: [...time, ...time] }, flags('AT_SYMLINK_NOFOLLOW')])]
    }
  }
}

export const planMarks = (marks: readonly Mark[]): Call[] => marks.flatMap(planMark)
