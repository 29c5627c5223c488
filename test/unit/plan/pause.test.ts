import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readComm, readIdentity, readPss } from '../../../runtime/kernel/processes.ts'
import { isHeld, whenReleased } from '../../../runtime/agent/alive.ts'
import { whenGone } from '../../../runtime/agent/when-gone.ts'
import { launchProgram } from '../../../runtime/launch.ts'
import { planPause } from '../../../runtime/pod/pause.ts'
import { until } from '../../fixtures/glasspod-until.ts'
import { useDirectory } from '../agent/temporary.ts'
import { strace } from './strace.ts'

const { fresh } = useDirectory()
const plain = {
  hostname: undefined,
  ownNetwork: false,
  mappedIds: 1,
  ownPid: false,
  cgroupProcs: undefined,
  watchedIn: undefined,
}

describe('the pause program', () => {
  it('tells its pid, closes everything, and waits', () => {
    expect(strace(planPause(plain))).toMatchInlineSnapshot(`
      "readlinkat(AT_FDCWD, "/proc/self", &pid, 16)
      write(3, &pid, 16)
      chdir("/")
      prctl(PR_SET_NAME, "pause")
      close_range(0, ~0U, 0)
      rt_sigprocmask(SIG_BLOCK, [INT TERM], NULL, 8)
      pause.wait: rt_sigtimedwait([INT TERM], NULL, NULL, 8) ?EINTR -> pause.wait
      exit_group(0)
      fatal: write(3, &failure, 16) ?any
      exit_group(125)"
    `)
  })

  it('of a whole pod also does this', () => {
    const usual = strace(planPause(plain)).split('\n')
    const whole = planPause({
      hostname: 'höst',
      ownNetwork: true,
      mappedIds: 65537,
      ownPid: true,
      cgroupProcs: '/g/cgroup.procs',
      watchedIn: '/p',
    })
    expect(
      strace(whole)
        .split('\n')
        .filter((line) => !usual.includes(line))
        .join('\n'),
    ).toMatchInlineSnapshot(`
      "unshare(CLONE_NEWPID)
      clone(child_stack=NULL, flags=SIGCHLD) 0 -> one
      one: rt_sigaction(SIGCHLD, {sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}, NULL, 8)
      $cgroup.procs = openat(AT_FDCWD, "/g/cgroup.procs", O_WRONLY|O_CLOEXEC)
      write($cgroup.procs, "0", 1)
      mknodat(AT_FDCWD, "/p/alive", S_IFIFO|0600) ?EEXIST
      $alive = openat(AT_FDCWD, "/p/alive", O_RDWR|O_CLOEXEC)
      dup3($alive, 100, O_CLOEXEC)
      close($alive)
      sethostname("höst", 5)
      $socket = socket(AF_INET, SOCK_DGRAM, IPPROTO_IP)
      ioctl($socket, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP})
      $sysctl = openat(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY|O_CLOEXEC) ?ENOENT|EACCES|EROFS|EPERM -> sysctl.net.ipv4.ip_unprivileged_port_start
      write($sysctl, "0", 1) ?any
      sysctl.net.ipv4.ip_unprivileged_port_start: goto next
      $sysctl = openat(AT_FDCWD, "/proc/sys/net/ipv4/ping_group_range", O_WRONLY|O_CLOEXEC) ?ENOENT|EACCES|EROFS|EPERM -> sysctl.net.ipv4.ping_group_range
      write($sysctl, "0 65536", 7) ?any
      sysctl.net.ipv4.ping_group_range: goto next
      unshare(CLONE_NEWNS)
      mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)
      mount("tmpfs", "/proc", "tmpfs", MS_RDONLY|MS_NOSUID|MS_NODEV|MS_NOEXEC, "size=0k,nr_inodes=1")
      chdir("/proc")
      pivot_root(".", ".")
      umount2(".", MNT_DETACH)
      close_range(101, ~0U, 0)
      close_range(0, 99, 0)"
    `)
  })

  it('runs small, holds no descriptor, and ends when it is told', async () => {
    const pid = await launchProgram({ prefix: [], calls: planPause(plain), file: fresh() })
    const identity = readIdentity(pid)
    expect([readComm(pid), readdirSync(`/proc/${pid}/fd`)]).toEqual(['pause', []])
    expect(readPss(pid) ?? Infinity).toBeLessThan(40 * 1024)
    process.kill(pid, 'SIGTERM')
    expect(identity !== undefined && (await whenGone(identity))).toBe(true)
  })

  it('holds a named pipe open for whoever is to learn of its end, and nothing else', async () => {
    const directory = fresh()
    mkdirSync(directory)
    const pid = await launchProgram({
      prefix: [],
      calls: planPause({ ...plain, watchedIn: directory }),
      file: `${directory}/pause`,
    })
    expect(readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))).toEqual([
      `${directory}/alive`,
    ])
    expect(isHeld(`${directory}/alive`)).toBe(true)
    const released = whenReleased(`${directory}/alive`)
    process.kill(pid, 'SIGKILL')
    await released
    expect(isHeld(`${directory}/alive`)).toBe(false)
  })

  it('makes a pod’s namespaces of a user namespace', async ({ skip }) => {
    const allowed = readFileSync('/proc/sys/user/max_user_namespaces', 'utf8').trim() !== '0'
    skip(!allowed, 'missing capability: user namespaces')
    const pid = await launchProgram({
      prefix: ['unshare', '--user', '--map-root-user', '--net', '--uts', '--'],
      calls: planPause({
        hostname: 'shop',
        ownNetwork: true,
        mappedIds: 65537,
        ownPid: true,
        cgroupProcs: undefined,
        watchedIn: undefined,
      }),
      file: fresh(),
    })
    try {
      expect(readFileSync(`/proc/${pid}/net/if_inet6`, 'utf8')).toContain(' lo\n')
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^NSpid:\t\d+\t1$/m)
      await until('its root is empty', () => readdirSync(`/proc/${pid}/root/`).length === 0)
      for (const name of ['net', 'uts', 'pid'])
        expect(readlinkSync(`/proc/${pid}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`))
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })
})
