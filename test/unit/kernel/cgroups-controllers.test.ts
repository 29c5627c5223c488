import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  describeLack,
  listAncestors,
  parseCgroupMounts,
  readHandedDown,
  type LackFacts,
} from '../../../runtime/kernel/cgroups/controllers.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

const MOUNTINFO = `30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/bl\\040kio rw - cgroup cgroup rw,blkio
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`

describe('mounts', () => {
  it('of both versions, with their controllers', () => {
    expect(parseCgroupMounts(MOUNTINFO)).toEqual({
      version1: [
        { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['rw', 'cpu', 'cpuacct'] },
        { mountPoint: '/sys/fs/cgroup/bl kio', controllers: ['rw', 'blkio'] },
      ],
      version2: ['/sys/fs/cgroup/unified'],
    })
  })

  it('lead down to a directory', () => {
    expect(listAncestors('/cg/a/b', ['/', '/cg', '/cgx'])).toEqual(['/cg', '/cg/a', '/cg/a/b'])
    expect(listAncestors('/cg', ['/cg'])).toEqual(['/cg'])
    expect(listAncestors('/elsewhere', ['/cg'])).toEqual(['/elsewhere'])
  })
})

it('a directory hands down what its file names', () => {
  const directory = fresh()
  mkdirSync(directory)
  writeFileSync(`${directory}/cgroup.subtree_control`, 'cpu memory\n')
  expect(readHandedDown(directory)).toEqual(['cpu', 'memory'])
  expect(readHandedDown(`${directory}/none`)).toEqual([])
})

describe('a controller that is missing', () => {
  const at = (directory: string, available: string[], handedDown: string[]) => ({ directory, available, handedDown })
  const service = '/cg/user.slice/user-7.slice/user@7.service'
  const facts: LackFacts = {
    controller: 'memory',
    mounts: { version1: [], version2: ['/cg'] },
    cgroups: '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t80\t1\n',
    own: '0::/user.slice\n',
    chain: [],
  }

  it('is held by version 1, which calls io blkio', () => {
    const mounts = parseCgroupMounts(MOUNTINFO)
    expect(describeLack({ ...facts, controller: 'io', mounts }).found).toBe(
      'the io controller is bound to cgroup v1 on this machine: /sys/fs/cgroup/bl kio',
    )
    expect(describeLack({ ...facts, own: '4:memory:/x\n0::/\n' }).found).toBe(
      'the memory controller is bound to cgroup v1 on this machine',
    )
  })

  it('is switched off', () => {
    const lack = describeLack({ ...facts, cgroups: 'memory\t0\t80\t0\n' })
    expect(lack.found).toBe('the memory controller is switched off: the last column of /proc/cgroups is 0')
    expect(lack.try).toContain('cgroup_disable=memory')
  })

  it('is not in the kernel', () => {
    expect(describeLack({ ...facts, chain: [at('/cg', ['cpu'], ['cpu'])] }).found).toBe(
      '/cg/cgroup.controllers has no memory',
    )
  })

  it('is not delegated by systemd: the first file that lacks it, and the drop-in', () => {
    const chain = [
      at('/cg', ['cpu', 'memory'], ['cpu', 'memory']),
      at('/cg/user.slice', ['cpu', 'memory'], ['cpu', 'memory']),
      at('/cg/user.slice/user-7.slice', ['cpu', 'memory'], ['cpu']),
      at(service, ['cpu'], ['cpu']),
      at(`${service}/glasspod.scope`, ['cpu'], ['cpu']),
    ]
    const lack = describeLack({ ...facts, chain })
    expect(lack.found).toBe(
      'the memory controller is not delegated to this user: /cg/user.slice/user-7.slice/cgroup.subtree_control lacks it',
    )
    expect(lack.try).toContain('/etc/systemd/system/user@.service.d/delegate.conf')
  })

  it('is not handed down below the user’s own manager, or where there is none', () => {
    const chain = [
      at('/cg', ['memory'], ['memory']),
      at(service, ['memory'], ['memory']),
      at(`${service}/x`, ['memory'], []),
    ]
    expect(describeLack({ ...facts, chain }).try).toBe(`echo +memory | sudo tee ${service}/x/cgroup.subtree_control`)
    expect(describeLack({ ...facts, chain: [at('/cg', ['memory'], [])] }).try).toBe(
      'echo +memory | sudo tee /cg/cgroup.subtree_control',
    )
  })
})
