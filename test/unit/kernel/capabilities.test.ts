import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Failure } from '../../../runtime/errors.ts'
import {
  CAPABILITIES,
  capabilityMask,
  capabilityNumber,
  capabilitySets,
  capsetData,
  capsetHeader,
  DEFAULT_CAPABILITIES,
  droppedFromBounding,
  parseCapability,
  planCapabilities,
  readCapabilities,
} from '../../../runtime/kernel/capabilities.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('numbers are those of linux/capability.h', () => {
  expect(['CAP_CHOWN', 'CAP_SETPCAP', 'CAP_SYS_ADMIN', 'CAP_SETFCAP', 'CAP_MAC_OVERRIDE'].map(parseCapability)).toEqual(
    [0, 8, 21, 31, 32].map((number) => CAPABILITIES[number]),
  )
  expect(capabilityNumber('CAP_CHECKPOINT_RESTORE')).toBe(40)
  expect(CAPABILITIES).toHaveLength(41)
})

test("the default is Docker's: 00000000a80425fb in /proc/PID/status", () => {
  expect(capabilityMask(DEFAULT_CAPABILITIES)).toEqual({ low: 0xa80425fb, high: 0 })
})

describe('planCapabilities', () => {
  test.each([
    [{}, [...DEFAULT_CAPABILITIES]],
    [{ drop: ['ALL'] }, []],
    [{ drop: ['all'], add: ['net_bind_service', 'CAP_CHOWN'] }, ['CAP_CHOWN', 'CAP_NET_BIND_SERVICE']],
    [{ add: ['ALL'] }, [...CAPABILITIES]],
    [{ add: ['ALL'], drop: ['sys_admin'] }, CAPABILITIES.filter((name) => name !== 'CAP_SYS_ADMIN')],
    [{ add: ['ALL'], drop: ['ALL'] }, [...CAPABILITIES]],
    [{ drop: ['mknod'], add: ['mknod'] }, [...DEFAULT_CAPABILITIES]],
    [{ privileged: true, drop: ['ALL'] }, [...CAPABILITIES]],
    [{ privileged: true, lastCap: 37 }, CAPABILITIES.slice(0, 38)],
  ])('%o', (request, expected) => {
    const wanted = new Set<string>(expected)
    expect(planCapabilities(request)).toEqual(CAPABILITIES.filter((name) => wanted.has(name)))
  })

  test('the result is ordered by number and without doubles', () => {
    fc.assert(
      fc.property(fc.subarray([...CAPABILITIES]), fc.subarray([...CAPABILITIES]), (add, drop) => {
        const numbers = planCapabilities({ add: [...add, ...add], drop }).map(capabilityNumber)
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      }),
    )
  })
})

describe('an unknown name', () => {
  const failure = (word: string): Failure => {
    try {
      planCapabilities({ drop: [word] })
    } catch (error) {
      if (error instanceof Failure) return error
    }
    throw new Error('no failure')
  }

  test.each([
    ['SYS_ADMN', 'unknown capability: "SYS_ADMN"', 'did you mean CAP_SYS_ADMIN?'],
    ['cap_net_bind', 'unknown capability: "cap_net_bind"', 'see capabilities(7) for the names'],
    ['netadmin', 'unknown capability: "netadmin"', 'did you mean CAP_NET_ADMIN?'],
    ['', 'unknown capability: ""', 'see capabilities(7) for the names'],
    ['FLY', 'unknown capability: "FLY"', 'see capabilities(7) for the names'],
  ])('%j', (word, sentence, advice) => {
    expect(failure(word).message).toBe(sentence)
    expect(failure(word).facts).toMatchObject({ id: 'capabilities.unknown', try: advice, exitCode: 125 })
  })
})

test('capset(2) takes version 3: two halves of each set, little-endian', () => {
  expect(hex(capsetHeader())).toBe('2205082000000000')
  expect(
    hex(capsetData({ effective: ['CAP_CHOWN'], permitted: ['CAP_CHOWN', 'CAP_SETFCAP', 'CAP_BPF'], inheritable: [] })),
  ).toBe('01000000' + '01000080' + '00000000' + '00000000' + '80000000' + '00000000')
})

test('only root starts with its capabilities effective', () => {
  expect(capabilitySets(['CAP_KILL'], 0)).toEqual({
    bounding: ['CAP_KILL'],
    effective: ['CAP_KILL'],
    permitted: ['CAP_KILL'],
    inheritable: [],
    ambient: [],
  })
  expect(capabilitySets(['CAP_KILL'], 1000)).toMatchObject({ bounding: ['CAP_KILL'], effective: [], permitted: [] })
})

test('what leaves the bounding set: everything else up to the last that the kernel knows', () => {
  expect(droppedFromBounding(['CAP_CHOWN', 'CAP_FOWNER'], 5)).toEqual([1, 2, 4, 5])
  expect(droppedFromBounding(CAPABILITIES)).toEqual([])
})

test('/proc/PID/status is read back, with bits that have no name yet', () => {
  const status =
    'Name:\tsh\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000021\nCapEff:\t0000000000000001\nCapBnd:\t0000030000000001\n'
  expect(readCapabilities(status)).toEqual({
    inheritable: [],
    permitted: ['CAP_CHOWN', 'CAP_KILL'],
    effective: ['CAP_CHOWN'],
    bounding: ['CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE', 'CAP_41'],
    ambient: [],
  })
})
