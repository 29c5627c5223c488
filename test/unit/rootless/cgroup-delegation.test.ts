import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  findDelegation,
  listChain,
  parseCgroupMount,
  parseOwnCgroup,
  prepareNodeCgroup,
} from '../../../runtime/rootless/cgroup-delegation.ts'

const PURE = '30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'
const HYBRID = `31 23 0:27 / /sys/fs/cgroup rw - tmpfs cgroup rw
40 31 0:37 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`

test('the cgroup2 mount is found on pure and on hybrid hosts, its blanks undone', () => {
  expect(parseCgroupMount(PURE)).toEqual({ mountPoint: '/sys/fs/cgroup', root: '/' })
  expect(parseCgroupMount(HYBRID)).toEqual({ mountPoint: '/sys/fs/cgroup/unified', root: '/' })
  expect(parseCgroupMount('41 31 0:38 /a\\040b /x\\134y rw - cgroup2 c rw')).toEqual({
    mountPoint: '/x\\y',
    root: '/a b',
  })
  expect(parseCgroupMount('31 23 0:27 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n')).toBeUndefined()
  expect(parseCgroupMount('')).toBeUndefined()
})

test('our cgroup is the line of version 2', () => {
  expect(parseOwnCgroup('9:name=systemd:/x\n0::/user.slice/a\n')).toBe('/user.slice/a')
  expect(parseOwnCgroup('8:pids:/\n')).toBeUndefined()
})

test('the chain goes from our cgroup up to the mount point', () => {
  const mount = { mountPoint: '/m', root: '/' }
  expect(listChain(mount, '/a/b')).toEqual(['/m/a/b', '/m/a', '/m'])
  expect(listChain(mount, '/')).toEqual(['/m'])
  expect(listChain({ mountPoint: '/m', root: '/a' }, '/a/b')).toEqual(['/m/b', '/m'])
  expect(listChain({ mountPoint: '/m', root: '/a' }, '/other')).toEqual([])
  expect(listChain(mount, '/../outside')).toEqual([])
})

const find = (own: string, ours: string[], mounts = PURE) =>
  findDelegation(mounts, `0::${own}\n`, (path) => ours.includes(path.replace(/\/cgroup\.procs$/, '')))

test('the base is the highest directory of an unbroken chain that is ours', () => {
  const user = '/sys/fs/cgroup/user'
  expect(find('/user/app/me', [`${user}/app/me`, `${user}/app`, user])).toEqual({
    mountPoint: '/sys/fs/cgroup',
    own: `${user}/app/me`,
    base: user,
    reason: undefined,
  })
  expect(find('/user/app/me', [`${user}/app/me`, user]).base).toBe(`${user}/app/me`)
})

test('cgroup.procs counts too: a directory alone moves no process', () => {
  const writable = (path: string) => !path.endsWith('cgroup.procs')
  expect(findDelegation(PURE, '0::/a\n', writable).base).toBeUndefined()
})

test('without a delegated directory the reason names what is missing', () => {
  expect(find('/user/me', ['/sys/fs/cgroup/user']).reason).toBe(
    'the cgroup of this process, /sys/fs/cgroup/user/me, is not delegated to this user',
  )
  expect(find('/', [], '').reason).toMatch(/^no cgroup2 filesystem is mounted here$/)
  expect(findDelegation(PURE, '8:pids:/\n', () => true).reason).toMatch(/^this process has no cgroup of version 2$/)
  expect(find('/../x', []).reason).toMatch(/^the cgroup of this process, \/\.\.\/x, is not below \/sys\/fs\/cgroup$/)
})

test('the node has a directory and a leaf for its supervisors, and records the controllers that are missing', () => {
  const base = mkdtempSync('/tmp/gp-cgroup-')
  try {
    const node = prepareNodeCgroup(base, 'glasspod-0123')
    expect(node).toEqual({
      directory: `${base}/glasspod-0123`,
      supervisorProcs: `${base}/glasspod-0123/supervisor/cgroup.procs`,
      missing: ['cpu', 'cpuset', 'io', 'memory', 'pids'],
      reason: undefined,
    })
  } finally {
    rmSync(base, { recursive: true })
  }
})

const [realMounts, realCgroup] = ['mountinfo', 'cgroup'].map((file) => readFileSync(`/proc/self/${file}`, 'utf8'))
const mount = parseCgroupMount(realMounts ?? '')

test.skipIf(mount === undefined)('on this machine: the directory that is found has this process in it', () => {
  const [directory = ''] = listChain(mount ?? { mountPoint: '', root: '' }, parseOwnCgroup(realCgroup ?? '') ?? '')
  expect(readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n')).toContain(`${process.pid}`)
})
