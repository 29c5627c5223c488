import { describe, expect, it } from 'vitest'
import { calls } from '../../../runtime/init/call.ts'
import { AT_FDCWD, flags, mode } from '../../../runtime/init/uapi.ts'
import { formatCall } from '../../../runtime/plan/strace.ts'

const call = calls('x', 'mount(2)')

describe('a call is shown as strace shows it', () => {
  it.each([
    [call('getpid', []), 'getpid()'],
    [
      call('openat', [AT_FDCWD, '/a"b\n', flags('O_RDWR', 'O_CLOEXEC'), 0]),
      'openat(AT_FDCWD, "/a\\"b\\n", O_RDWR|O_CLOEXEC)',
    ],
    [call('pipe2', [{ at: 'pipe' }, 0], '', { result: { at: 'r' } }), '$r = pipe2(&pipe, 0)'],
    [call('dup3', [{ load: 'pipe', offset: 4 }, 1, 0]), 'dup3($pipe+4, 1, 0)'],
    [call('seccomp', [{ words: [1n, { bytes: new Uint8Array(8), shown: '{filter}' }] }]), 'seccomp([1, {filter}])'],
    [
      call('openat', [AT_FDCWD, '/a', flags('O_WRONLY', 'O_CREAT'), mode(0o600)]),
      'openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT, 0600)',
    ],
    [call('execve', ['/x', { words: ['/x', 'a'] }, { words: [] }]), 'execve("/x", ["/x", "a"], [])'],
    [call('clone', [flags('SIGCHLD'), 0, 0, 0, 0]), 'clone(child_stack=NULL, flags=SIGCHLD)'],
    [call('prctl', [flags('PR_SET_NAME'), 'x', 0, 0, 0]), 'prctl(PR_SET_NAME, "x")'],
    [call('prctl', [flags('PR_SET_NO_NEW_PRIVS'), 1, 0, 0, 0]), 'prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)'],
    [
      call('read', [0, { at: 'frame', offset: 8 }, 4], '', { result: { at: 'frame' } }),
      '$frame = read(0, &frame+8, 4)',
    ],
    [call('jump', [], '', { onZero: 'there' }), 'goto there'],
    [call('jump', []), 'goto next'],
  ])('%#', (given, text) => expect(formatCall(given)).toBe(text))
})
