import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeEnv, planArgs, planConfig, type ConfigInput } from '../../../runtime/spec/config.ts'
import type { CreateBody, HostConfig } from '../../../runtime/spec/create-body.ts'
import { planResources, type HostResources } from '../../../runtime/spec/resources.ts'
import { refusal } from '../kernel/refusal.ts'

const image = {
  entrypoint: ['/entry'],
  cmd: ['serve'],
  env: ['A=image', 'PATH=/image'],
  user: 'app',
  workingDir: '/srv',
}
const resources: HostResources = {
  cpus: 4,
  sets: { cpus: '0-3', mems: '0' },
  countsSwap: true,
  device: () => ({ major: 8, minor: 16 }),
}
const input = (body: CreateBody, more: Partial<ConfigInput> = {}): ConfigInput => ({
  body,
  image,
  hostname: 'shop',
  passwd: 'app:x:1000:100::/home/app:/bin/sh\n',
  group: 'extra:x:20:app\n',
  resources,
  namespaces: [{ type: 'pid' }],
  hasCgroup: true,
  podMounts: [{ destination: '/etc/hosts', type: 'bind', source: '/p/hosts', options: ['rbind'] }],
  cgroupsPath: '/g/c',
  machine: { arch: 'x86_64', kernel: '6.18' },
  ...more,
})
const config = (body: CreateBody, more?: Partial<ConfigInput>) => planConfig(input(body, more))

describe('the command', () => {
  const own = { entrypoint: ['/entry', '-x'], cmd: ['serve'] }
  it.each<[CreateBody, string[]]>([
    [{}, ['/entry', '-x', 'serve']],
    [{ Cmd: ['ls'] }, ['/entry', '-x', 'ls']],
    [{ Cmd: [] }, ['/entry', '-x', 'serve']],
    [{ Cmd: null, Entrypoint: null }, ['/entry', '-x', 'serve']],
    [{ Entrypoint: ['/mine'] }, ['/mine']],
    [{ Entrypoint: ['/mine'], Cmd: ['a'] }, ['/mine', 'a']],
    [{ Entrypoint: [''], Cmd: ['ls'] }, ['ls']],
    [{ Entrypoint: [], Cmd: ['ls'] }, ['ls']],
  ])('%j', (body, args) => expect(planArgs(body, own)).toEqual(args))

  it('is refused where there is none', () => {
    expect(refusal(() => planArgs({}, { entrypoint: [], cmd: [] }))).toBe(
      'no command: the image names none and none was given',
    )
    expect(refusal(() => planArgs({ Entrypoint: [''] }, own))).toContain('no command')
  })
})

describe('the environment', () => {
  it('has the later value, in the place of the first', () => {
    expect(mergeEnv(['A=1', 'B=2'], ['A=3', 'C=x=y', 'E='])).toEqual(['A=3', 'B=2', 'C=x=y', 'E='])
  })

  it('has no nameless variable, and takes nothing of the host', () => {
    expect(mergeEnv(['=x', 'HOME', 'OK=1'])).toEqual(['OK=1'])
  })

  it('has each name once', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (entries) => {
        const names = mergeEnv(entries).map((entry) => entry.slice(0, entry.indexOf('=')))
        expect(names).toEqual([...new Set(names)])
      }),
    )
  })

  it('is the user’s over the image’s over ours', () => {
    expect(config({ Env: ['A=mine', 'HOME=/h'], Tty: true }).process.env).toEqual([
      'PATH=/image',
      'HOSTNAME=shop',
      'HOME=/h',
      'TERM=xterm',
      'A=mine',
    ])
  })
})

describe('a process', () => {
  it('is the image’s user, in its directory', () => {
    expect(config({}).process).toMatchObject({
      user: { uid: 1000, gid: 100, additionalGids: [100, 20] },
      cwd: '/srv',
      terminal: false,
      noNewPrivileges: false,
    })
    expect(config({ User: '0', WorkingDir: '/w' }).process).toMatchObject({ user: { uid: 0 }, cwd: '/w' })
    expect(config({}, { image: { ...image, workingDir: '' } }).process.cwd).toBe('/')
  })

  it('needs an absolute directory', () => {
    expect(refusal(() => config({ WorkingDir: 'w' }))).toBe(
      "the working directory 'w' is invalid, it needs to be an absolute path",
    )
  })

  it('has capabilities as root only, of the bounding set that was asked for', () => {
    const { capabilities } = config({ HostConfig: { CapDrop: ['ALL'], CapAdd: ['CHOWN'] }, User: '0' }).process
    expect([capabilities.bounding, capabilities.effective]).toEqual([['CAP_CHOWN'], ['CAP_CHOWN']])
    expect(config({}).process.capabilities.effective).toEqual([])
  })

  it.each([['no-new-privileges'], ['no-new-privileges:true'], ['no-new-privileges=true']])('%s', (option) =>
    expect(config({ HostConfig: { SecurityOpt: [option] } }).process.noNewPrivileges).toBe(true),
  )

  it('has the limits of both interfaces', () => {
    const body = { HostConfig: { Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }] }, Glasspod: { ulimits: ['core=0'] } }
    expect(config(body).process.rlimits.map(({ type }) => type)).toEqual(['RLIMIT_NOFILE', 'RLIMIT_CORE'])
  })

  it.each(['no-new-priviledges', 'apparmor=x', 'label=disable'])('security option %s is not forgotten', (option) =>
    expect(refusal(() => config({ HostConfig: { SecurityOpt: [option] } }))).toContain(option),
  )
})

describe('resources', () => {
  const MiB = 1024 * 1024
  const plan = (body: HostConfig, more: Partial<HostResources> = {}) => planResources(body, { ...resources, ...more })

  it.each<[HostConfig, object]>([
    [{}, {}],
    [{ Memory: 0, NanoCpus: 0, PidsLimit: 0, CpusetCpus: '', BlkioDeviceReadBps: [], CgroupConf: {} }, {}],
    [{ PidsLimit: null, BlkioDeviceReadBps: null, CgroupConf: null }, {}],
    [{ PidsLimit: -1 }, {}],
    [{ Memory: 64 * MiB }, { memory: { limit: 64 * MiB, swap: 128 * MiB } }],
    [{ NanoCpus: 1.5e9 }, { cpu: { quota: 150_000, period: 100_000 } }],
    [{ CpuShares: 512, CpusetCpus: '0,2-3' }, { cpu: { shares: 512, cpus: '0,2-3' } }],
    [{ PidsLimit: 9 }, { pids: { limit: 9 } }],
    [
      { BlkioDeviceWriteBps: [{ Path: '/dev/sdb', Rate: 7 }] },
      { blockIO: { throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 7 }] } },
    ],
    [{ CgroupConf: { 'memory.high': '1m' } }, { unified: { 'memory.high': '1m' } }],
  ])('of %j', (body, expected) => expect(plan(body)).toEqual(expected))

  it('count no swap where the kernel does not, unless it is asked for', () => {
    expect(plan({ Memory: 64 * MiB }, { countsSwap: false })).toEqual({ memory: { limit: 64 * MiB } })
    expect(plan({ Memory: 64 * MiB, MemorySwap: 64 * MiB }, { countsSwap: false }).memory?.swap).toBe(64 * MiB)
  })

  it('that cannot be are refused', () => {
    expect(refusal(() => plan({ NanoCpus: 5e9 }))).toContain('range of CPUs is from 0.01 to 4.00')
    expect(refusal(() => plan({ Memory: 1 }))).toContain('6MB')
  })

  // Clients of the API are not typed: what they send is judged before it is used.
  it.each<[object, string]>([
    [{ Memory: '64m' }, 'a memory limit is a number of bytes'],
    [{ NanoCpus: 'x' }, 'range of CPUs'],
    [{ CpuShares: 1.5 }, 'invalid CPU shares 1.5'],
    [{ PidsLimit: 'x' }, "invalid pids limit: 'x'"],
    [{ CpusetCpus: 9 }, 'requested CPUs are not available - requested 9, available: 0-3'],
    [{ BlkioDeviceReadBps: { Path: '/dev/sda' } }, 'no list of devices'],
    [{ BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: -1 }] }, 'invalid rate for device: /dev/sda:-1'],
    [{ BlkioDeviceReadBps: [{}] }, 'invalid rate for device'],
    [{ CgroupConf: { 'memory.high': 3 } }, 'invalid value for memory.high'],
  ])('%j is no limit', (body, message) => expect(refusal(() => plan(body as HostConfig))).toContain(message))

  // Design, decision 8: a limit is never silently dropped. What the body's type does not name is not read at all.
  it.each([
    { MemorySwappiness: 10 },
    { BlkioWeight: 5 },
    { OomKillDisable: true },
    { CpuRealtimePeriod: 1 },
    { KernelMemory: 1 },
    { Privileged: true },
    { Mounts: [{}] },
  ])('%j is refused, not forgotten', (more) =>
    expect(refusal(() => config({ HostConfig: more as HostConfig }))).toContain(Object.keys(more)[0]),
  )

  it('that docker sends without asking are not refused', () => {
    const quiet = { MemorySwappiness: -1, OomKillDisable: false, BlkioWeight: 0, Devices: [], OomScoreAdj: 0 }
    expect(config({ HostConfig: quiet }).linux.resources).toEqual({})
  })

  it('and the score of the OOM killer is the process’s', () => {
    expect(config({ HostConfig: { OomScoreAdj: -17 } }).process.oomScoreAdj).toBe(-17)
    expect(config({ HostConfig: { OomScoreAdj: 0 } }).process).not.toHaveProperty('oomScoreAdj')
    expect(refusal(() => config({ HostConfig: { OomScoreAdj: 1001 } }))).toBe(
      'invalid value 1001, range for oom score adj is [-1000, 1000]',
    )
  })
})

describe('mounts', () => {
  const destinations = (body: CreateBody, more?: Partial<ConfigInput>) =>
    config(body, more).mounts.map(({ destination }) => destination)

  it('are the standard ones, the pod’s, and what was asked for', () => {
    expect(destinations({ HostConfig: { Binds: ['/srv:/data'], Tmpfs: { '/run': '' } } })).toEqual([
      '/proc',
      '/sys',
      '/dev/mqueue',
      '/dev/shm',
      '/sys/fs/cgroup',
      '/etc/hosts',
      '/data',
      '/run',
    ])
    expect(destinations({}, { hasCgroup: false })).not.toContain('/sys/fs/cgroup')
  })

  it('that were asked for replace ours', () => {
    const { mounts } = config({ HostConfig: { Tmpfs: { '/dev/shm/': 'size=1m' }, Binds: ['/h:/etc/hosts'] } })
    expect(mounts.filter(({ destination }) => ['/dev/shm', '/etc/hosts'].includes(destination))).toMatchObject([
      { source: '/h' },
      { type: 'tmpfs', options: expect.arrayContaining(['size=1m']) as string[] },
    ])
  })

  it('may not be two at one place, however it is written', () => {
    expect(refusal(() => config({ HostConfig: { Binds: ['/a:/d'], Tmpfs: { '/d/.': '' } } }))).toBe(
      'duplicate mount point: /d',
    )
  })
})

describe('the rest', () => {
  it('is what was given', () => {
    expect(config({ Labels: { a: 'b' }, HostConfig: { ReadonlyRootfs: true } })).toMatchObject({
      hostname: 'shop',
      root: { readonly: true },
      linux: { cgroupsPath: '/g/c', namespaces: [{ type: 'pid' }] },
      annotations: { a: 'b' },
    })
    expect(config({}, { cgroupsPath: undefined }).linux).not.toHaveProperty('cgroupsPath')
  })

  it('hides what Docker hides', () => {
    expect(config({}).linux.maskedPaths).toContain('/proc/kcore')
    expect(config({}).linux.readonlyPaths).toContain('/proc/sys')
  })
})
