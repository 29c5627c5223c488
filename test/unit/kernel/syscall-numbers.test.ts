import { expect, test } from 'vitest'
import { syscallName, syscallNumber, syscallNumbers } from '../../../runtime/kernel/syscall-numbers.ts'

test.each([
  ['read', 0, 63],
  ['execve', 59, 221],
  ['pivot_root', 155, 41],
  ['arch_prctl', 158, undefined],
  ['mount', 165, 40],
  ['wait4', 61, 260],
  ['name_to_handle_at', 303, 264],
  ['seccomp', 317, 277],
  ['rseq', 334, 293],
  ['uretprobe', 335, undefined],
  ['uprobe', 336, undefined],
  ['kexec_file_load', 320, 294],
  ['pidfd_send_signal', 424, 424],
  ['memfd_secret', 447, 447],
  ['mseal', 462, 462],
  ['file_setattr', 469, 469],
  ['stime', undefined, undefined],
])('%s is %s on x86_64, %s on aarch64', (name, x86, arm) => {
  expect([syscallNumber('x86_64', name), syscallNumber('aarch64', name)]).toEqual([x86, arm])
})

test('each number has one name, and the tables are whole', () => {
  for (const [arch, count] of [
    ['x86_64', 383],
    ['aarch64', 325],
  ] as const) {
    const numbers = syscallNumbers(arch)
    expect(numbers.size).toBe(count)
    expect(new Set(numbers.values()).size).toBe(count)
    for (const [name, number] of numbers) expect(syscallName(arch, number)).toBe(name)
    for (let number = 424; number <= 469; number++) expect(syscallName(arch, number)).toBeDefined()
  }
  expect(syscallName('x86_64', 400)).toBeUndefined()
})
