import { execFileSync } from 'node:child_process'
import { readFileSync, watch, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { launchProgram } from '../../../runtime/launch.ts'
import { planHolder } from '../../../runtime/rootless/holder.ts'
import { useDirectory } from '../agent/temporary.ts'
import { strace } from './strace.ts'

const { fresh } = useDirectory()

describe('the holder', () => {
  it('starts the agent, and again for each SIGUSR1', () => {
    expect(
      strace(
        planHolder({ agent: ['/node', 'agent.cjs'], env: ['A=b'], logFile: '/l', cgroupProcs: '/g/cgroup.procs' }),
      ),
    ).toMatchInlineSnapshot(`
      "$cgroup.procs = openat(AT_FDCWD, "/g/cgroup.procs", O_WRONLY|O_CLOEXEC)
      write($cgroup.procs, "0", 1)
      chdir("/")
      prctl(PR_SET_NAME, "glasspod-holder")
      readlinkat(AT_FDCWD, "/proc/self", &pid, 16)
      write(3, &pid, 16)
      read(3, &go, 1) ?any
      close_range(3, ~0U, 0)
      rt_sigaction(SIGCHLD, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, NULL, 8)
      rt_sigprocmask(SIG_BLOCK, [USR1], NULL, 8)
      start: clone(child_stack=NULL, flags=SIGCHLD) ?any -> wait 0 -> agent
      wait: rt_sigtimedwait([USR1], NULL, NULL, 8) ?EINTR -> wait
      goto start
      agent: rt_sigprocmask(SIG_UNBLOCK, [USR1], NULL, 8)
      rt_sigaction(SIGCHLD, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, NULL, 8)
      setsid()
      $log = openat(AT_FDCWD, "/l", O_WRONLY|O_CREAT|O_APPEND, 0600)
      dup3($log, 1, 0)
      dup3($log, 2, 0)
      close($log)
      execve("/node", ["/node", "agent.cjs"], ["A=b"])
      fatal: write(3, &failure, 16) ?any
      exit_group(125)"
    `)
  })

  it('does that, with the log and the environment it was told', async () => {
    const logFile = fresh()
    const program = fresh()
    writeFileSync(logFile, '')
    writeFileSync(program, '#!/bin/sh\necho "agent $MARK $1 $(readlink /proc/self/fd/0)"\n', { mode: 0o755 })
    const lines = (count: number) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (readFileSync(logFile, 'utf8').split('\n').length <= count) return
          watcher.close()
          resolve()
        }
        const watcher = watch(logFile, check)
        check()
      })
    const pid = await launchProgram({
      prefix: [],
      calls: planHolder({
        agent: [program, 'word'],
        env: ['MARK=here', 'PATH=/usr/bin:/bin'],
        logFile,
        cgroupProcs: undefined,
      }),
      file: fresh(),
      onPid: (_, status) => status.write('g'),
    })
    try {
      await lines(1)
      process.kill(pid, 'SIGUSR1')
      await lines(2)
      expect(readFileSync(logFile, 'utf8')).toBe('agent here word /dev/null\n'.repeat(2))
      expect(execFileSync('ps', ['-o', 'comm=', '-p', `${pid}`], { encoding: 'utf8' })).toBe('glasspod-holder\n')
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })

  it('outlives a fork that is refused', () => {
    const start = planHolder({ agent: ['/a'], env: [], logFile: '/l', cgroupProcs: undefined }).find(
      ({ label }) => label === 'start',
    )
    expect(start).toMatchObject({ call: 'clone', onError: 'wait' })
  })
})
