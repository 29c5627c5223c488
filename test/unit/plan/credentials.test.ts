import { describe, expect, it } from 'vitest'
import { capabilitySets, DEFAULT_CAPABILITIES } from '../../../runtime/kernel/capabilities.ts'
import { planCredentials, type Credentials } from '../../../runtime/kernel/credentials.ts'
import type { OciProcess } from '../../../runtime/spec/oci.ts'
import { ids, strace } from './strace.ts'

const input = (process: Partial<OciProcess>, more: Partial<Credentials> = {}): Credentials => ({
  process: {
    terminal: false,
    user: { uid: 1000, gid: 100, additionalGids: [10, 20] },
    args: [],
    env: [],
    cwd: '/',
    capabilities: capabilitySets(DEFAULT_CAPABILITIES, 1000),
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 18446744073709551615n }],
    noNewPrivileges: false,
    ...process,
  },
  filter: { bytes: new Uint8Array(24), flags: 0 },
  setGroups: true,
  lastCap: 40,
  ...more,
})

describe('credentials', () => {
  it('are these calls, less the bounding set', () => {
    const lines = strace(planCredentials(input({}))).split('\n')
    expect(lines.filter((line) => !line.includes('PR_CAPBSET_DROP')).join('\n')).toMatchInlineSnapshot(`
      "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=10, rlim_max=18446744073709551615}, NULL)
      seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=3, filter=…})
      prctl(PR_SET_KEEPCAPS, 1)
      setgroups(2, [10, 20])
      setresgid(100, 100, 100)
      setresuid(1000, 1000, 1000)
      umask(022)
      capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=0, permitted=0, inheritable=0})
      prctl(PR_SET_KEEPCAPS, 0)
      prctl(PR_SET_PDEATHSIG, SIGKILL)"
    `)
  })

  it('drop from the bounding set what was not given, as far as this kernel goes', () => {
    const drops = (lastCap: number) =>
      strace(planCredentials(input({}, { lastCap }))).split('PR_CAPBSET_DROP').length - 1
    expect([drops(40), drops(37)]).toEqual([41 - 14, 38 - 14])
  })

  it('load the filter while that is allowed: first, or after no_new_privs', () => {
    const order = ids(planCredentials(input({ noNewPrivileges: true })))
    expect(order.indexOf('process.no-new-privileges')).toBeLessThan(order.indexOf('process.user'))
    expect(order.at(-1)).toBe('process.seccomp')
  })

  it('set the death signal after the ids, which would clear it', () => {
    const order = planCredentials(input({})).map(({ call, args }) => `${call} ${JSON.stringify(args[0])}`)
    const ids = order.findIndex((line) => line.startsWith('setresuid'))
    expect(order.findIndex((line) => line.includes('PR_SET_PDEATHSIG'))).toBeGreaterThan(ids)
  })

  it('set groups before the user, who may not; none with a single-id map', () => {
    const order = planCredentials(input({})).map(({ call }) => call)
    expect(order.indexOf('setgroups')).toBeLessThan(order.indexOf('setresgid'))
    expect(order.indexOf('setresgid')).toBeLessThan(order.indexOf('setresuid'))
    expect(planCredentials(input({}, { setGroups: false })).some(({ call }) => call === 'setgroups')).toBe(false)
  })

  it('have the groups as the kernel reads them', () => {
    const groups = planCredentials(input({})).find(({ call }) => call === 'setgroups')?.args[1]
    expect(groups).toMatchObject({ bytes: Uint8Array.of(10, 0, 0, 0, 20, 0, 0, 0) })
  })

  it('refuse names that the kernel does not have', () => {
    const wrong = capabilitySets(DEFAULT_CAPABILITIES, 0)
    expect(() => planCredentials(input({ capabilities: { ...wrong, bounding: ['CAP_X'] } }))).toThrow(
      'CAP_X is not a capability',
    )
    expect(() => planCredentials(input({ rlimits: [{ type: 'RLIMIT_X', soft: 1, hard: 1 }] }))).toThrow(
      'RLIMIT_X is not a resource limit',
    )
  })

  it('need no filter', () => {
    expect(ids(planCredentials(input({}, { filter: undefined })))).not.toContain('process.seccomp')
  })
})
