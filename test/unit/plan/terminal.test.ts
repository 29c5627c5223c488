import { describe, expect, it } from 'vitest'
import { planOpenTerminal, planResize, planTerminal, planTerminalStdio } from '../../../runtime/plan/terminal.ts'
import { strace } from './strace.ts'

describe('a terminal', () => {
  it('is opened from the container’s own devpts, by no link', () => {
    expect(strace(planOpenTerminal({ load: 'devpts' }))).toMatchInlineSnapshot(`
      "$stdout.pipe = openat2($devpts, "ptmx", {flags=O_RDWR|O_NOCTTY|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_SYMLINKS}, 24)
      ioctl($stdout.pipe, TIOCSPTLCK, &unlock)"
    `)
  })

  it('has its pumps before its slave is open: a pump that held it would never end', () => {
    const lines = strace(planTerminal({ directory: '/c' }, { rows: 24, columns: 80 }))
    expect(lines).toMatchInlineSnapshot(`
      "$log = openat(AT_FDCWD, "/c/log", O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC, 0600)
      mknodat(AT_FDCWD, "/c/stdin", S_IFIFO|0600) ?EEXIST
      $stdout.pump = clone(child_stack=NULL, flags=SIGCHLD) 0 -> pump.stdout
      $stdin.pump = clone(child_stack=NULL, flags=SIGCHLD) 0 -> pump.stdin
      $slave = ioctl($stdout.pipe, TIOCGPTPEER, O_RDWR|O_NOCTTY|O_CLOEXEC)
      ioctl($slave, TIOCSWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0})
      dup3($stdout.pipe, 101, O_CLOEXEC)"
    `)
    expect(lines.lastIndexOf('clone(')).toBeLessThan(lines.indexOf('TIOCGPTPEER'))
  })

  it('has no size where none is known', () => {
    expect(strace(planTerminal({ directory: '/c' }))).not.toContain('TIOCSWINSZ')
  })

  it('becomes the controlling one, and the user’s', () => {
    expect(strace(planTerminalStdio({ uid: 33 }))).toMatchInlineSnapshot(`
      "ioctl($slave, TIOCSCTTY, 0)
      dup3($slave, 0, 0)
      dup3($slave, 1, 0)
      dup3($slave, 2, 0)
      fchown(0, 33, -1)"
    `)
  })

  it('is resized by who borrows the monitor’s master', () => {
    expect(strace(planResize(7, { rows: 50, columns: 132 }))).toMatchInlineSnapshot(`
      "readlinkat(AT_FDCWD, "/proc/self", &pid, 16)
      write(3, &pid, 16)
      $pidfd = pidfd_open(7, 0)
      $master = pidfd_getfd($pidfd, 101, 0)
      ioctl($master, TIOCSWINSZ, {ws_row=50, ws_col=132, ws_xpixel=0, ws_ypixel=0})
      exit_group(0)
      fatal: write(3, &failure, 16) ?any
      exit_group(125)"
    `)
  })

  it('has its size in the kernel’s order, rows first', () => {
    const size = planResize(7, { rows: 0x102, columns: 0x304 })
      .flatMap(({ args }) => args)
      .find((argument) => typeof argument === 'object' && 'bytes' in argument)
    expect(size).toMatchObject({ bytes: Uint8Array.of(2, 1, 4, 3, 0, 0, 0, 0) })
  })
})
