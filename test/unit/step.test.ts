import { expect, test } from 'vitest'
import { makeView } from '../../runtime/cli/explain/text.ts'
import { formatState } from '../../runtime/cli/step/screen.ts'
import { calls } from '../../runtime/init/call.ts'
import { BEFORE, parseBefore, planReported } from '../../runtime/plan/report.ts'
import { parseNetwork } from '../../runtime/see/step/network.ts'
import { compareStates, parseLinks, parseRoutes } from '../../runtime/see/step/state.ts'

const call = calls('some.step', 'setsid(2)')

test('a stepped program asks and waits before each step; the answer "end" is no call more', () => {
  const list = [call('setsid', [], 'A session.'), { ...call('close', [9], 'Another.'), label: 'there' }]
  const stepped = planReported(list, true)
  expect(stepped.map(({ call }) => call)).toEqual([
    ...['readlinkat', 'writev', 'read', 'clock_gettime', 'setsid', 'clock_gettime', 'write'],
    ...['writev', 'read', 'clock_gettime', 'close', 'clock_gettime', 'write', 'exit_group'],
  ])
  const end = stepped.at(-1)?.label
  expect(stepped.filter((made) => made.call === 'read').map(({ onZero }) => onZero)).toEqual([end, end])
  // who jumps there is asked too
  expect(stepped.find(({ label }) => label === 'there')?.call).toBe('writev')
  expect(planReported(list).some(({ call }) => call === 'read')).toBe(false)
})

test('a question names its step and the process', () => {
  const frame = Buffer.alloc(32)
  frame.writeBigUInt64LE(7n, 0)
  frame.writeBigInt64LE(BigInt(BEFORE), 8)
  frame.write('4711', 16)
  expect(parseBefore(frame)).toEqual({ group: 7, pid: 4711 })
})

test('a process that cannot be read is told from none at all', () => {
  const view = makeView((_, text) => text, '')
  expect(formatState({ changes: [] }, view)).toEqual(['no process is being made yet'])
  expect(formatState({ pid: 4711, changes: [] }, view)).toEqual(['process 4711 is gone: there is no /proc/4711'])
})

test('a difference is the lines that came and went, each as often as it did', () => {
  expect(compareStates({ mounts: ['a', 'a', 'b'], links: ['lo'] }, { mounts: ['a', 'b', 'c'], links: ['lo'] })).toEqual(
    [{ about: 'mounts', gone: ['a'], come: ['c'] }],
  )
})

test('interfaces and routes as ip(8) would name them', () => {
  expect(parseLinks('Inter-| Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2\n')).toEqual(['lo', 'eth0'])
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n'
  const rows =
    'eth0\t00000000\t0100580A\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n'
  expect(parseRoutes(head + rows)).toEqual(['default via 10.88.0.1 dev eth0', '10.88.0.0/16 dev eth0'])
})

test('flags and addresses as ip(8) prints them, sysctls as sysctl(8) does', () => {
  const links = [
    { ifname: 'lo', flags: ['LOOPBACK', 'UP'], addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
    { ifname: 'eth0', flags: ['BROADCAST'] },
  ]
  expect(parseNetwork(`${JSON.stringify(links)}\nnet.ipv4.ping_group_range = 0\t65535\n`)).toEqual({
    links: ['lo <LOOPBACK,UP>', 'eth0 <BROADCAST>'],
    addresses: ['127.0.0.1/8 dev lo'],
    sysctls: ['net.ipv4.ping_group_range = 0 65535'],
  })
})
