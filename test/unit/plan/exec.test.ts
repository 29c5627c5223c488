import { describe, expect, it } from 'vitest'
import { compileProgram } from '../../../runtime/init/program.ts'
import { capabilitySets, DEFAULT_CAPABILITIES } from '../../../runtime/kernel/capabilities.ts'
import { planExec, type ExecInput } from '../../../runtime/plan/exec.ts'
import { ids, strace } from './strace.ts'

const input: ExecInput = {
  pid: 7,
  namespaces: ['ipc', 'uts', 'net', 'mnt', 'pid'],
  directory: '/c/exec-1',
  cgroup: '/g/c',
  openStdin: false,
  process: {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [] },
    args: ['/bin/sh'],
    env: [],
    cwd: '/',
    capabilities: capabilitySets(DEFAULT_CAPABILITIES, 0),
    rlimits: [],
    noNewPrivileges: false,
  },
  seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
  setGroups: true,
  lastCap: 40,
}
const onTerminal: ExecInput = {
  ...input,
  process: { ...input.process, terminal: true },
  terminalSize: { rows: 1, columns: 2 },
}
const lines = (given: ExecInput) => strace(planExec(given)).split('\n')
const at = (given: ExecInput, part: string) => lines(given).findIndex((line) => line.includes(part))

describe('an exec', () => {
  it('has these steps', () => {
    expect(ids(planExec(input))).toMatchInlineSnapshot(`
      [
        "monitor.name",
        "monitor.alive",
        "namespaces.join",
        "monitor.log",
        "monitor.stdin",
        "cgroups.open",
        "namespaces.join",
        "monitor.clone",
        "monitor.close",
        "monitor.wait",
        "monitor.record",
        "monitor.wait",
        "monitor.log",
        "monitor.name",
        "monitor.log",
        "monitor.name",
        "monitor.log",
        "process.session",
        "cgroups.enter",
        "status.pid",
        "namespaces.join",
        "process.stdio",
        "process.bounding",
        "process.seccomp",
        "process.user",
        "process.umask",
        "process.capabilities",
        "process.user",
        "process.death-signal",
        "process.descriptors",
        "process.cwd",
        "process.exec",
        "status.failure",
      ]
    `)
  })

  it('joins the PID namespace before it forks, the rest in the child, in its cgroup by then', () => {
    expect(at(input, 'setns($pidfd, CLONE_NEWPID)')).toBeLessThan(at(input, '$child = clone'))
    expect(at(input, 'write($cgroup.procs, "0", 1)')).toBeLessThan(at(input, 'CLONE_NEWNS'))
    expect(lines(input).find((line) => line.includes('CLONE_NEWNS'))).toBe(
      'setns($pidfd, CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNET|CLONE_NEWNS)',
    )
  })

  it('opens what is the host’s before it goes in', () => {
    const goesIn = at(input, 'CLONE_NEWNS')
    for (const part of ['pidfd_open(7', '"/g/c/cgroup.procs"', '"/c/exec-1/log"', '"/dev/null"'])
      expect([part, at(input, part) >= 0 && at(input, part) < goesIn]).toEqual([part, true])
  })

  it('tells its pid while /proc is still the host’s', () => {
    expect(lines(input).findLastIndex((line) => line.includes('readlinkat'))).toBeLessThan(at(input, 'CLONE_NEWNS'))
  })

  it('loads the filter after the namespaces and before the program', () => {
    expect(at(input, 'CLONE_NEWNS')).toBeLessThan(at(input, 'seccomp('))
    expect(at(input, 'seccomp(')).toBeLessThan(at(input, 'execve('))
  })

  it('needs no cgroup, and no PID namespace of its own', () => {
    const bare = lines({ ...input, cgroup: undefined, namespaces: ['mnt'] })
    expect(bare.filter((line) => /cgroup|NEWPID/.test(line))).toEqual([])
  })

  it('waits for the agent only where there is input', () => {
    expect(lines(input).filter((line) => line.includes('&go'))).toEqual([])
    expect(lines({ ...input, openStdin: true }).filter((line) => line.includes('&go'))).toHaveLength(1)
  })

  it('on a terminal opens it below the container’s root, by no link', () => {
    expect(lines(onTerminal).slice(at(onTerminal, '/proc/7/root'), at(onTerminal, 'TIOCSPTLCK') + 1))
      .toMatchInlineSnapshot(`
        [
          "$root = openat(AT_FDCWD, "/proc/7/root", O_PATH|O_CLOEXEC)",
          "$stdout.pipe = openat2($root, "dev/pts/ptmx", {flags=O_RDWR|O_NOCTTY|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS}, 24)",
          "ioctl($stdout.pipe, TIOCSPTLCK, &unlock)",
        ]
      `)
  })

  it.each([
    ['piped', input],
    ['with input', { ...input, openStdin: true }],
    ['on a terminal', onTerminal],
  ])('%s compiles, with each label once', (_, given) => {
    const labels = planExec(given).flatMap(({ label }) => label ?? [])
    expect(labels).toEqual([...new Set(labels)])
    for (const arch of ['x86_64', 'aarch64'] as const)
      expect(compileProgram(planExec(given), arch).elf.length).toBeGreaterThan(0)
  })
})
