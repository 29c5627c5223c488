import { describe, expect, it } from 'vitest'
import { hintFor } from '../../../runtime/plan/hints.ts'

describe('a hint', () => {
  it.each([
    ['mounts.proc', 'EPERM', /outside the container/],
    ['rootfs.overlay', 'ENODEV', /modprobe overlay/],
    ['rootfs.overlay', 'EINVAL', /ext4, xfs, btrfs or tmpfs/],
    ['rootfs.pivot', 'EINVAL', /--no-pivot/],
    ['process.exec', 'ENOENT', /--entrypoint ls/],
    ['process.exec', 'EACCES', /chmod \+x/],
    ['process.cwd', 'EACCES', /--workdir/],
    ['process.unshare', 'unshare: unshare failed: Operation not permitted', /apparmor_restrict_unprivileged_userns/],
    ['process.unshare', 'unshare: unshare failed: No space left on device', /max_user_namespaces/],
    ['process.unshare', 'unshare: failed to execute newuidmap: No such file or directory', /apt-get install uidmap/],
  ])('for %s: %s', (step, error, advice) => expect(hintFor(step, error).try).toMatch(advice))

  it.each([
    ['mounts.proc', 'ENOENT'],
    ['mounts.proc.sys', 'EPERM'],
    ['xprocess.exec', 'ENOENT'],
    ['process.nsenter', 'Operation not permitted'],
  ])('is none for %s: %s', (step, error) => expect(hintFor(step, error)).toEqual({}))
})
