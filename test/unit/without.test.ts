import { expect, test } from 'vitest'
import { calls } from '../../runtime/init/call.ts'
import type { Step } from '../../runtime/plan/step.ts'
import { findOpening, leaveOut } from '../../runtime/plan/without.ts'

const call = calls('mounts.proc', 'proc(5)')
const other = calls('process.exec', 'execve(2)')
const enter = (inside: ReturnType<typeof call>[]): Step => ({
  kind: 'enter',
  id: 'container.init',
  why: '',
  man: 'nsenter(1)',
  argv: [],
  program: '/init',
  inside,
})
const write: Step = { kind: 'write', id: 'cgroups.memory.max', why: '', man: 'cgroups(7)', path: '/m', value: '1' }

test('a step is left out with all its calls, wherever it is, and the others stay as they are', () => {
  const stays = other('execve', [])
  expect(
    leaveOut([write, enter([call('fsopen', []), stays, call('move_mount', [])])], new Set(['mounts.proc'])),
  ).toEqual([write, enter([stays])])
  expect(leaveOut([write, enter([stays])], new Set(['cgroups.memory.max']))).toEqual([enter([stays])])
})

test('what a later step uses cannot be left out', () => {
  const opens = call('openat', [], '', { result: { at: 'there' } })
  expect(() => leaveOut([enter([opens, other('read', [{ load: 'there' }])])], new Set(['mounts.proc']))).toThrow(
    'mounts.proc cannot be left out',
  )
  const labelled = { ...call('setsid', []), label: 'there' }
  expect(() =>
    leaveOut([enter([other('clone', [], '', { onZero: 'there' }), labelled])], new Set(['mounts.proc'])),
  ).toThrow('mounts.proc cannot be left out')
})

test.each(['mounts.proc', 'mounts.masked', 'process.seccomp', 'cgroups.memory.max', 'network.attach', 'uts.hostname'])(
  '%s can be left out, and it is said what that opens',
  (id) => expect(findOpening(id)).toMatch(/\w/),
)

test.each([
  ['namespaces.mnt', 'done to the node'],
  ['namespaces.pid', 'done to the node'],
  ['mounts.private', 'done to the node'],
  ['rootfs.pivot', 'every other container'],
  ['cgroups.enter', 'others would pay'],
  ['cgroups.leaf', 'others would pay'],
  ['process.descriptors', 'way out of the container'],
  ['process.exec', 'nothing could go on'],
  ['monitor.clone', 'nothing could go on'],
  ['no.such', 'nothing could go on'],
])('%s cannot: %s', (id, why) => {
  try {
    findOpening(id)
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({
      message: `${id} cannot be left out`,
      facts: { why: expect.stringContaining(why) as string },
    })
  }
})
