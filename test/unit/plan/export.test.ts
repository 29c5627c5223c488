import { describe, expect, it } from 'vitest'
import { planExport } from '../../../runtime/plan/export.ts'
import type { RootTree } from '../../../runtime/kernel/rootfs.ts'
import { ids, strace } from './strace.ts'

const root: RootTree = {
  driver: 'overlay',
  layersDir: '/r/layers',
  lower: ['b', 'a'],
  upper: '/r/containers/c/upper',
  work: '/r/containers/c/work',
  target: '/r/containers/c/rootfs',
  links: '/r/containers/c/lower',
}
const plan = (part: Partial<RootTree> = {}) =>
  planExport({ root: { ...root, ...part }, scratch: '/s', tar: '/bin/tar' })

describe('an export', () => {
  it('mounts all layers as one tree that takes no writes, where nobody else sees it', () => {
    expect(ids(plan())).toMatchInlineSnapshot(`
      [
        "status.pid",
        "namespaces.mnt",
        "mounts.private",
        "rootfs.overlay",
        "process.descriptors",
        "process.cwd",
        "process.exec",
        "status.failure",
      ]
    `)
    expect(strace(plan()).match(/^.*\bmount\(.*$/gm)).toMatchInlineSnapshot(`
      [
        "mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)",
        "mount("overlay", "/s/rootfs", "overlay", 0, "lowerdir=../containers/c/upper:b:a,userxattr,index=off")",
      ]
    `)
  })

  it.each([{ driver: 'copy' as const }, { lower: [] }])('mounts nothing where there is one directory: %j', (part) => {
    expect(strace(plan(part))).not.toMatch(/mount|unshare/)
    expect(strace(plan(part))).toContain('chdir("/r/containers/c/upper")')
  })
})
