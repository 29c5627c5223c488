import { describe, expect, it } from 'vitest'
import { planAwaitFuse, planFuseRoot, planServeFuse } from '../../../runtime/plan/fuse.ts'
import { groupCalls } from '../../../runtime/plan/groups.ts'
import { formatCall } from '../../../runtime/plan/strace.ts'

const root = {
  ...{ driver: 'fuse-overlayfs' as const, program: '/usr/bin/fuse-overlayfs' },
  ...{ layersDir: '/a:b,c/layers', lower: ['2', '1'], links: '/a:b,c/containers/x/lower' },
  ...{ upper: '/a:b,c/containers/x/upper', work: '/a:b,c/containers/x/work', target: '/a:b,c/containers/x/rootfs' },
}
const serving = groupCalls([...planServeFuse(root), { ...planFuseRoot(root)[0]!, label: 'inside' }])
const daemon = serving.find(({ process }) => process === 'fuse-overlayfs')?.calls.map(formatCall) ?? []

describe('fuse-overlayfs', () => {
  it('is told names from the layers on: a colon or comma of the root directory would end one', () => {
    const names = 'lowerdir=2:1,upperdir=../containers/x/upper,workdir=../containers/x/work'
    expect(daemon.slice(-2)).toEqual([
      'chdir("/a:b,c/layers")',
      `execve("/usr/bin/fuse-overlayfs", ["fuse-overlayfs", "-f", "-o", "${names}", "/dev/fd/4"], [])`,
    ])
  })

  it('holds no mount, which would keep itself alive, and tells of a failure until it executes', () => {
    expect(daemon.slice(0, 3)).toEqual([
      'dup3(104, 4, 0)',
      'close_range(5, ~0U, 0)',
      'close_range(3, 3, CLOSE_RANGE_CLOEXEC)',
    ])
  })

  it('has the only descriptor of the device: the monitor closes its own before it clones anybody else', () => {
    const monitor = serving.filter(({ process }) => process === 'monitor').flatMap(({ calls }) => calls.map(formatCall))
    expect(monitor.at(-1)).toBe('close(104)')
  })

  it('is not waited for for ever', () => {
    expect(planAwaitFuse().map(formatCall)[2]).toBe(
      'ppoll([{fd=104, events=POLLIN}], 1, {tv_sec=10, tv_nsec=0}, NULL, 8)',
    )
  })
})
