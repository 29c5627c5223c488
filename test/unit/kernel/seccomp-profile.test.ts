import { describe, expect, test } from 'vitest'
import { parseJson, stringifyJson } from '../../../runtime/kernel/seccomp/json.ts'
import { parseProfile, profileFrom, resolveProfile } from '../../../runtime/kernel/seccomp/profile.ts'
import { refusal } from './refusal.ts'

const parse = (value: unknown) => () => parseProfile(JSON.stringify(value), 'web.json')
const withRule = (rule: unknown) => parse({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] })

test("Podman's form: name, null args, empty conditions, errors by name", () => {
  const text = `{
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "defaultErrno": "ENOSYS",
    "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": null }],
    "syscalls": [
      { "name": "read", "action": "SCMP_ACT_ALLOW", "args": null, "comment": "", "includes": {}, "excludes": {} },
      { "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errno": "EINVAL", "errnoRet": 1,
        "args": [{ "index": 2, "value": 9, "valueTwo": 0, "op": "SCMP_CMP_EQ" }],
        "excludes": { "caps": ["CAP_AUDIT_WRITE"] } }
    ] }`
  expect(parseProfile(text, 'x')).toEqual({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW', includes: {}, excludes: {} },
      {
        names: ['socket'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 22,
        args: [{ index: 2, value: 9, valueTwo: 0, op: 'SCMP_CMP_EQ' }],
        excludes: { caps: ['CAP_AUDIT_WRITE'] },
      },
    ],
  })
})

describe('a wrong profile is refused by the name of the wrong field', () => {
  test.each([
    [parse(7), 'must be an object'],
    [() => parseProfile('{', 'web.json'), /^seccomp profile web\.json: is not JSON \(.+\)$/],
    [parse({}), 'defaultAction: is missing'],
    [parse({ defaultAction: 'SCMP_ACT_NOTIFY' }), /^seccomp profile web\.json: defaultAction: SCMP_ACT_NOTIFY needs/],
    [parse({ defaultAction: 'ALLOW' }), /defaultAction: unknown action "ALLOW"; known are SCMP_ACT_ALLOW, /],
    [parse({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: {} }), 'syscalls: must be a list'],
    [withRule('read'), 'syscalls[0]: must be an object'],
    [withRule({ names: ['read', 1], action: 'SCMP_ACT_ALLOW' }), 'syscalls[0].names: must be a list of strings'],
    [withRule({ name: 'a', names: ['b'], action: 'SCMP_ACT_ALLOW' }), "syscalls[0].name: use either 'name' or 'names'"],
    [withRule({ names: ['a'] }), 'syscalls[0].action: is missing'],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ERRNO', errnoRet: 5000 }),
      'syscalls[0].errnoRet: must be an integer from 0 to 4095',
    ],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ERRNO', errno: 'ENOPE' }),
      'syscalls[0].errno: unknown error name "ENOPE"',
    ],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ALLOW', args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }),
      'syscalls[0].args[0].index: must be an integer from 0 to 5',
    ],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] }),
      'syscalls[0].args[0].value: must be an integer from 0 to 18446744073709551615',
    ],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'EQ' }] }),
      /syscalls\[0\]\.args\[0\]\.op: unknown operator "EQ"; known are SCMP_CMP_NE, /,
    ],
    [
      withRule({ names: ['a'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: 'new' } }),
      'syscalls[0].includes.minKernel: must be a version like 4.8, got "new"',
    ],
    [
      parse({
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86_64'],
        archMap: [{ architecture: 'SCMP_ARCH_X86_64' }],
      }),
      "archMap: use either 'architectures' or 'archMap'",
    ],
    [parse({ defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/run/x' }), /listenerPath: /],
  ])('%#: %o', (act, message) => {
    if (typeof message === 'string') expect(refusal(act)).toBe(`seccomp profile web.json: ${message}`)
    else expect(refusal(act)).toMatch(message)
  })
})

describe('conditions', () => {
  const rule = { names: ['acct'], action: 'SCMP_ACT_ALLOW' }
  const kept = (more: object, { arch = 'x86_64' as const, capabilities = ['CAP_BPF'], kernel = '6.1.0-13' } = {}) =>
    resolveProfile(profileFrom({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ ...rule, ...more }] }, 'x'), {
      arch,
      capabilities,
      kernel,
    }).syscalls?.length === 1

  test.each([
    [{ includes: { caps: ['CAP_BPF'] } }, true],
    [{ includes: { caps: ['CAP_BPF', 'CAP_KILL'] } }, false],
    [{ excludes: { caps: ['CAP_BPF', 'CAP_KILL'] } }, false],
    [{ excludes: { caps: ['CAP_KILL'] } }, true],
    [{ includes: { arches: ['amd64'] } }, true],
    [{ includes: { arches: ['arm64'] } }, false],
    [{ excludes: { arches: ['amd64'] } }, false],
    [{ includes: { minKernel: '6.1' } }, true],
    [{ includes: { minKernel: '6.2' } }, false],
    [{ includes: { minKernel: '5.19' } }, true],
    [{ excludes: { minKernel: '6.0' } }, false],
    [{ excludes: { minKernel: '10.0' } }, true],
    [{ includes: { caps: [] as string[], arches: [] as string[] } }, true],
  ])('%o: %s', (more, expected) => {
    expect(kept(more)).toBe(expected)
  })
})

describe('64-bit integers', () => {
  test('come through unrounded, both ways', () => {
    const text = '{"a":18446744073709551615,"b":[9007199254740993,9007199254740991,1],"c":"9007199254740993"}'
    expect(parseJson(text)).toEqual({
      a: 18446744073709551615n,
      b: [9007199254740993n, 9007199254740991, 1],
      c: '9007199254740993',
    })
    expect(stringifyJson(parseJson(text))).toBe(text)
  })

  test('digits inside strings and keys, quotes escaped, stay text', () => {
    for (const value of [{ 'x"18446744073709551615': '\\"18446744073709551615,' }, ['18446744073709551615']])
      expect(parseJson(JSON.stringify(value))).toEqual(value)
  })
})
