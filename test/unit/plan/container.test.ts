import { describe, expect, it } from 'vitest'
import { DEFAULT_CAPABILITIES, capabilitySets } from '../../../runtime/kernel/capabilities.ts'
import { compileFilter } from '../../../runtime/kernel/seccomp/filter.ts'
import { compileProgram, hostArch } from '../../../runtime/init/program.ts'
import { groupCalls } from '../../../runtime/plan/groups.ts'
import { planContainer, type ContainerInput } from '../../../runtime/plan/container.ts'
import { formatCall } from '../../../runtime/plan/strace.ts'
import type { OciConfig } from '../../../runtime/spec/oci.ts'

const config: OciConfig = {
  ociVersion: '1.2.0',
  hostname: 'web',
  root: { path: 'rootfs', readonly: false },
  process: {
    terminal: false,
    user: { uid: 33, gid: 33, additionalGids: [33] },
    args: ['httpd', '-f'],
    env: ['PATH=/usr/bin:/bin', 'A=b'],
    cwd: '/www',
    capabilities: capabilitySets(DEFAULT_CAPABILITIES, 33),
    rlimits: [],
    noNewPrivileges: false,
  },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 'ro'] },
  ],
  linux: {
    namespaces: [{ type: 'pid' }, { type: 'network', path: '/proc/7/ns/net' }],
    resources: {},
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] },
  },
  annotations: {},
}

const input: ContainerInput = {
  config,
  directory: '/g/containers/c',
  root: {
    driver: 'overlay',
    layersDir: '/g/layers',
    lower: ['b', 'a'],
    upper: '/g/u',
    work: '/g/w',
    target: '/g/rootfs',
    links: '/c/lower',
  },
  cgroup: '/sys/fs/cgroup/g/c',
  openStdin: false,
  noPivot: false,
  host: { lastCap: 40, mappedIds: 65536, isDirectory: () => true },
}

const ids = (calls: { id: string }[]) => calls.map(({ id }) => id).filter((id, index, all) => all[index - 1] !== id)

describe('the filter of a container', () => {
  const filterOf = (seccomp: OciConfig['linux']['seccomp']) => {
    const { seccomp: _, ...linux } = config.linux
    const calls = planContainer({ ...input, config: { ...config, linux: { ...linux, ...(seccomp && { seccomp }) } } })
    const operand = calls.find(({ call }) => call === 'seccomp')?.args[2]
    const words = typeof operand === 'object' && 'words' in operand ? operand.words : []
    return typeof words[1] === 'object' && 'bytes' in words[1] ? words[1].bytes : undefined
  }

  it('is what linux.seccomp of config.json says, and nothing else', () => {
    const one = {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      syscalls: [{ names: ['reboot'], action: 'SCMP_ACT_ALLOW' as const }],
    }
    const other = { ...one, defaultErrnoRet: 13 }
    expect(filterOf(one)).toEqual(compileFilter(one, hostArch()).bytes)
    expect(filterOf(other)).toEqual(compileFilter(other, hostArch()).bytes)
    expect(filterOf(other)).not.toEqual(filterOf(one))
    expect(filterOf(undefined)).toBeUndefined()
  })
})

describe('the plan of a container', () => {
  it('has its steps in this order', () => {
    expect(ids(planContainer(input))).toMatchInlineSnapshot(`
      [
        "monitor.name",
        "monitor.alive",
        "monitor.log",
        "monitor.stdin",
        "cgroups.open",
        "namespaces.pid",
        "monitor.clone",
        "monitor.close",
        "monitor.wait",
        "monitor.record",
        "monitor.wait",
        "monitor.log",
        "monitor.name",
        "monitor.log",
        "monitor.name",
        "monitor.log",
        "process.session",
        "cgroups.enter",
        "namespaces.mnt",
        "namespaces.cgroup",
        "status.pid",
        "mounts.private",
        "rootfs.overlay",
        "mounts.devpts",
        "mounts.dev",
        "devices.open",
        "mounts.proc",
        "mounts.volume.data",
        "rootfs.pivot",
        "mounts.proc",
        "mounts.dev",
        "mounts.devpts",
        "devices.null",
        "devices.zero",
        "devices.full",
        "devices.random",
        "devices.urandom",
        "devices.tty",
        "devices.links",
        "mounts.volume.data",
        "mounts.readonly",
        "mounts.masked",
        "process.cwd",
        "process.stdio",
        "process.bounding",
        "process.seccomp",
        "process.user",
        "process.umask",
        "process.capabilities",
        "process.user",
        "process.death-signal",
        "process.descriptors",
        "process.cwd",
        "process.exec",
        "status.failure",
      ]
    `)
  })

  it('opens what is the host’s before the root switch, and attaches it after', () => {
    const lines = planContainer(input).map(formatCall)
    const pivot = lines.indexOf('pivot_root(".", ".")')
    const open = lines.findIndex((line) => line.includes('open_tree(AT_FDCWD, "/srv/data"'))
    const attach = lines.findIndex((line) => line.startsWith('move_mount($volume.data'))
    expect([open > 0, open < pivot, pivot < attach]).toEqual([true, true, true])
  })

  it('is in its cgroup before it makes anything', () => {
    const order = ids(planContainer(input))
    expect(order.indexOf('cgroups.enter')).toBeLessThan(order.indexOf('namespaces.mnt'))
  })

  it('loads the filter before privileges go, and after them with no_new_privs', () => {
    const order = ids(planContainer(input))
    expect(order.indexOf('process.seccomp')).toBeLessThan(order.indexOf('process.user'))
    const process = { ...config.process, noNewPrivileges: true }
    const strict = ids(planContainer({ ...input, config: { ...config, process } }))
    expect(strict.indexOf('process.seccomp')).toBeGreaterThan(strict.indexOf('process.capabilities'))
    expect(strict.indexOf('process.no-new-privileges')).toBeLessThan(strict.indexOf('process.seccomp'))
  })

  it('tries each directory of PATH, then says which of two things is wrong', () => {
    const tries = planContainer(input)
      .filter(({ call }) => call === 'execve')
      .map(({ args, tolerate = [] }) => [args[0], tolerate])
    expect(tries).toEqual([
      ['/usr/bin/httpd', ['ENOENT', 'ENOTDIR', 'EACCES']],
      ['/bin/httpd', ['ENOENT', 'ENOTDIR', 'EACCES']],
      ['/usr/bin/httpd', ['ENOENT', 'ENOTDIR']],
      ['/bin/httpd', []],
    ])
  })

  it('moves the root and calls chroot with --no-pivot', () => {
    const order = ids(planContainer({ ...input, noPivot: true }))
    expect(order).toContain('rootfs.move')
    expect(order).not.toContain('rootfs.pivot')
  })

  it('has no groups to set with a single-id map', () => {
    const calls = planContainer({ ...input, host: { ...input.host, mappedIds: 1 } })
    expect(calls.some(({ call }) => call === 'setgroups')).toBe(false)
  })

  it('gives every call a step, and every step a reason', () => {
    expect(groupCalls(planContainer(input)).filter(({ why }) => why === '')).toEqual([])
  })

  it('compiles for both architectures', () => {
    for (const arch of ['x86_64', 'aarch64'] as const)
      expect(compileProgram(planContainer(input), arch).elf.length).toBeLessThan(64 * 1024)
  })
})
