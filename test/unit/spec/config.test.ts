import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeEnv, planArgs, planConfig, planResources, type ConfigInput } from '../../../runtime/spec/config.ts'
import type { CreateBody, HostConfig } from '../../../runtime/spec/create-body.ts'
import { refusal } from '../kernel/refusal.ts'

const image = {
  entrypoint: ['/entry'],
  cmd: ['serve'],
  env: ['A=image', 'PATH=/image'],
  user: 'app',
  workingDir: '/srv',
}
const input = (body: CreateBody, more: Partial<ConfigInput> = {}): ConfigInput => ({
  body,
  image,
  hostname: 'shop',
  passwd: 'app:x:1000:100::/home/app:/bin/sh\n',
  group: 'extra:x:20:app\n',
  cpus: 4,
  namespaces: [{ type: 'pid' }],
  hasCgroup: true,
  podMounts: [{ destination: '/etc/hosts', type: 'bind', source: '/p/hosts', options: ['rbind'] }],
  cgroupsPath: '/g/c',
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
  it.each<[CreateBody, object]>([
    [{}, {}],
    [{ HostConfig: { Memory: 0, NanoCpus: 0, PidsLimit: 0 } }, {}],
    [{ HostConfig: { PidsLimit: null } }, {}],
    [{ HostConfig: { PidsLimit: -1 } }, {}],
    [{ HostConfig: { Memory: 64 << 20 } }, { memory: { limit: 64 << 20, swap: 128 << 20 } }],
    [{ HostConfig: { NanoCpus: 1.5e9 } }, { cpu: { quota: 150_000, period: 100_000 } }],
    [{ HostConfig: { PidsLimit: 9 } }, { pids: { limit: 9 } }],
    [
      { Glasspod: { memory: '64m', cpus: '0.5', pidsLimit: '7' } },
      { memory: { limit: 64 << 20, swap: 128 << 20 }, cpu: { quota: 50_000, period: 100_000 }, pids: { limit: 7 } },
    ],
  ])('of %j', (body, resources) => expect(planResources(body, 4)).toEqual(resources))

  it('that cannot be are refused', () => {
    expect(refusal(() => planResources({ HostConfig: { NanoCpus: 5e9 } }, 4))).toContain(
      'range of CPUs is from 0.01 to 4.00',
    )
    expect(refusal(() => planResources({ HostConfig: { Memory: 1 } }, 4))).toContain('6MB')
  })

  // Design, decision 8: a limit is never silently dropped. What the body's type does not name is not read at all.
  it.each([{ MemorySwap: 1 << 30 }, { CpuQuota: 5000 }, { CpusetCpus: '0' }, { Privileged: true }, { Mounts: [{}] }])(
    '%j is refused, not forgotten',
    (more) => expect(refusal(() => config({ HostConfig: more as HostConfig }))).toContain(Object.keys(more)[0]),
  )
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
