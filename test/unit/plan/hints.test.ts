import { describe, expect, it } from 'vitest'
import { hintFor } from '../../../runtime/plan/hints.ts'
import { PROBES } from '../../../runtime/see/doctor/probes.ts'

describe('a hint', () => {
  it.each([
    ['rootfs.pivot', 'EINVAL', /--no-pivot/],
    ['process.exec', 'ENOENT', /--entrypoint ls/],
    ['process.exec', 'EACCES', /chmod \+x/],
    ['process.cwd', 'EACCES', /--workdir/],
  ])('for %s: %s says what to try', (step, error, advice) => expect(hintFor(step, error).try).toMatch(advice))

  it.each([
    ['mounts.proc', 'EPERM', 'mounts.proc'],
    ['mounts.sys', 'EPERM', 'mounts.sys'],
    ['rootfs.overlay', 'ENODEV', 'rootfs.overlay'],
    ['rootfs.overlay', 'EINVAL', 'rootfs.overlay'],
    ['rootfs.fuse', 'ENOTCONN', 'rootfs.fuse'],
    ['process.unshare', 'unshare: unshare failed: Operation not permitted', 'userns.create'],
    ['process.unshare', 'unshare: unshare failed: No space left on device', 'userns.create'],
    ['process.unshare', 'unshare: failed to execute newuidmap: No such file or directory', 'ids.map'],
    ['process.unshare', 'unshare: failed to execute ./.holder.7: Permission denied', 'root.noexec'],
    ['process.nsenter', 'nsenter: failed to execute ./init: Permission denied', 'root.noexec'],
  ])('for %s: %s names the probes that may know the cause', (step, error, first) => {
    const { probes = [] } = hintFor(step, error)
    expect(probes[0]).toBe(first)
    for (const id of probes) expect(PROBES.map((probe) => probe.id)).toContain(id)
  })

  it.each([
    ['mounts.proc', 'ENOENT'],
    ['mounts.proc.sys', 'EPERM'],
    ['xprocess.exec', 'ENOENT'],
    ['process.nsenter', 'Operation not permitted'],
  ])('is none for %s: %s', (step, error) => expect(hintFor(step, error)).toEqual({}))
})
