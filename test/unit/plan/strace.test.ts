import { describe, expect, it } from 'vitest'
import { calls } from '../../../runtime/init/call.ts'
import { AT_FDCWD, flags } from '../../../runtime/init/uapi.ts'
import { formatCall } from '../../../runtime/plan/strace.ts'

const call = calls('x', 'mount(2)')

describe('a call is shown as strace shows it', () => {
  it.each([
    [call('getpid', []), 'getpid()'],
    [
      call('openat', [AT_FDCWD, '/a"b\n', flags('O_RDWR', 'O_CLOEXEC'), 0]),
      'openat(AT_FDCWD, "/a\\"b\\n", O_RDWR|O_CLOEXEC, 0)',
    ],
    [call('pipe2', [{ at: 'pipe' }, 0], '', { result: { at: 'r' } }), '$r = pipe2(&pipe, 0)'],
    [call('dup3', [{ load: 'pipe', offset: 4 }, 1, 0]), 'dup3($pipe+4, 1, 0)'],
    [call('seccomp', [{ words: [1n, { bytes: new Uint8Array(8), shown: '{filter}' }] }]), 'seccomp([1, {filter}])'],
    [
      call('execve', ['/x', { words: Array.from({ length: 14 }, (_, n) => n) }]),
      'execve("/x", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …])',
    ],
    [call('jump', [], '', { onZero: 'there' }), 'goto there'],
    [call('jump', []), 'goto next'],
  ])('%#', (given, text) => expect(formatCall(given)).toBe(text))
})
