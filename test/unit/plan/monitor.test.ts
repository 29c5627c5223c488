import { describe, expect, it } from 'vitest'
import { compileProgram } from '../../../runtime/init/program.ts'
import type { Call } from '../../../runtime/init/call.ts'
import {
  planAlive,
  planFatal,
  planMonitorCloses,
  planStdinPipe,
  planTellPid,
  planWait,
} from '../../../runtime/plan/monitor.ts'
import { planScript } from '../launch-monitored.ts'
import { strace } from './strace.ts'

const files = { directory: '/c' }

describe('the monitor', () => {
  it('holds a named pipe as long as it lives', () => {
    expect(strace([...planAlive(files), ...planMonitorCloses()])).toMatchInlineSnapshot(`
      "mknodat(AT_FDCWD, "/c/alive", S_IFIFO|0600) ?EEXIST
      $alive = openat(AT_FDCWD, "/c/alive", O_RDWR|O_CLOEXEC)
      dup3($alive, 100, O_CLOEXEC)
      close($alive)
      close_range(3, 99, 0)"
    `)
  })

  it('keeps the input open until the agent does', () => {
    expect(strace(planStdinPipe(files))).toMatchInlineSnapshot(`
      "mknodat(AT_FDCWD, "/c/stdin", S_IFIFO|0600) ?EEXIST
      $stdin.keep = openat(AT_FDCWD, "/c/stdin", O_RDWR|O_CLOEXEC)
      $stdin = openat(AT_FDCWD, "/c/stdin", O_RDONLY|O_CLOEXEC)"
    `)
  })

  it('waits, kills what is left in a shared PID namespace, and records by rename', () => {
    expect(strace(planWait({ ...files, pumps: ['stdout'], killFile: '/g/cgroup.kill' }))).toMatchInlineSnapshot(`
      "wait.child: wait4($child, &exit, 0, NULL) ?EINTR -> wait.child
      clock_gettime(CLOCK_REALTIME, &exit+8)
      $kill = openat(AT_FDCWD, "/g/cgroup.kill", O_WRONLY|O_CLOEXEC) ?any -> kill.end
      write($kill, "1", 1) ?any
      kill.end: goto next
      wait.stdout: wait4($stdout.pump, NULL, 0, NULL) ?EINTR -> wait.stdout
      $exit.file = openat(AT_FDCWD, "/c/exit.tmp", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600)
      write($exit.file, &exit, 24)
      renameat2(AT_FDCWD, "/c/exit.tmp", AT_FDCWD, "/c/exit", 0)
      exit_group(0)"
    `)
  })

  it('ends the pump that has no end of its own, after the record', () => {
    const lines = strace(planWait({ ...files, pumps: ['stdout'], inputPump: true })).split('\n')
    expect(lines.slice(-3)).toMatchInlineSnapshot(`
      [
        "renameat2(AT_FDCWD, "/c/exit.tmp", AT_FDCWD, "/c/exit", 0)",
        "kill($stdin.pump, SIGKILL)",
        "exit_group(0)",
      ]
    `)
  })

  it('tells the pid, and any failure, in frames of one size', () => {
    expect(strace([...planTellPid(), ...planFatal()])).toMatchInlineSnapshot(`
      "readlinkat(AT_FDCWD, "/proc/self", &pid, 16)
      write(3, &pid, 16)
      fatal: write(3, &failure, 16) ?any
      exit_group(125)"
    `)
  })
})

describe('a whole program', () => {
  const programs: [string, Call[]][] = [
    ['piped', planScript({ directory: '/c', script: '' })],
    ['with input', planScript({ directory: '/c', script: '', openStdin: true })],
    ['on a terminal', planScript({ directory: '/c', script: '', terminal: { rows: 1, columns: 1 } })],
  ]

  it.each(programs)('%s: has each label once', (_, calls) => {
    const labels = calls.flatMap(({ label }) => label ?? [])
    expect(labels).toEqual([...new Set(labels)])
  })

  // Two arrays of one name: what is written by the name goes into the last, and the others never see it.
  it.each(programs)('%s: has each named array once', (_, calls) => {
    const named = new Map<string, unknown>()
    for (const argument of calls.flatMap(({ args }) => args))
      if (typeof argument === 'object' && 'words' in argument && argument.as !== undefined) {
        expect(named.get(argument.as) ?? argument, argument.as).toBe(argument)
        named.set(argument.as, argument)
      }
  })

  it.each(programs)('%s: compiles for both architectures', (_, calls) => {
    for (const arch of ['x86_64', 'aarch64'] as const) expect(compileProgram(calls, arch).elf.length).toBeGreaterThan(0)
  })
})
