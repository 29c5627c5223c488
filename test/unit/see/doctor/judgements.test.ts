/** What machines have said, and what is made of it: each case is the text of a real one. */
import { describe, expect, it } from 'vitest'
import { parseMountinfo } from '../../../../runtime/kernel/mountinfo.ts'
import { VERSION as CGROUP_VERSION, CGROUP_PROBES } from '../../../../runtime/see/doctor/cgroups.ts'
import { FUSE } from '../../../../runtime/see/doctor/fuse.ts'
import { MAP } from '../../../../runtime/see/doctor/idmap.ts'
import { SECCOMP, VERSION } from '../../../../runtime/see/doctor/kernel.ts'
import { INOTIFY, MEMORY, parseSoftLimit, PROCESSES } from '../../../../runtime/see/doctor/limits.ts'
import { PROC } from '../../../../runtime/see/doctor/mounts.ts'
import { NAMES, parseRoutes, PING, PORTS, ROUTES } from '../../../../runtime/see/doctor/network.ts'
import { fine, unasked, type Verdict } from '../../../../runtime/see/doctor/probe.ts'
import { UNSHARE } from '../../../../runtime/see/doctor/programs.ts'
import { OVERLAY_MOUNT, SPACE } from '../../../../runtime/see/doctor/root.ts'
import { LINGER, MANAGER, RUNTIME } from '../../../../runtime/see/doctor/session.ts'
import { NEWUIDMAP, OVERLAP, UIDS } from '../../../../runtime/see/doctor/subids.ts'
import { TUN_DEVICE } from '../../../../runtime/see/doctor/uplink.ts'
import {
  CAPABILITIES,
  CREATE,
  KINDS_PROBE,
  MAXIMUM,
  RESTRICTION,
  SWITCH,
  UNCONFINED,
} from '../../../../runtime/see/doctor/userns.ts'

const ok = { code: 0, said: '', printed: '' }
const failed = (said: string, code = 1) => ({ code, said, printed: '' })
const isBad = (verdict: Verdict): verdict is Extract<Verdict, { is: 'bad' }> => verdict.is === 'bad'
const badOf = (verdict: Verdict) => {
  if (!isBad(verdict)) throw new Error(`it is ${verdict.is}: ${verdict.found}`)
  return verdict
}

const DEBIAN = { 'user.max_user_namespaces': '63432', 'kernel.unprivileged_userns_clone': '1' }
const UBUNTU_24_04 = {
  'user.max_user_namespaces': '63432',
  'kernel.unprivileged_userns_clone': '1',
  'kernel.apparmor_restrict_unprivileged_userns': '1',
  'kernel.apparmor_restrict_unprivileged_unconfined': '0',
}

describe('user namespaces', () => {
  it('are fine on Debian 12', () => {
    expect(CREATE.judge({ made: ok, switches: DEBIAN, seccomp: '0' })).toEqual(fine('unshare --user works'))
    expect(RESTRICTION.judge({ switches: DEBIAN, profile: 'unconfined', works: true }).is).toBe('unasked')
  })

  it('with the maximum at 0, as CIS benchmarks have it', () => {
    const switches = { ...DEBIAN, 'user.max_user_namespaces': '0' }
    const made = failed('unshare: unshare failed: No space left on device')
    expect(badOf(CREATE.judge({ made, switches, seccomp: '0' }))).toMatchObject({
      found:
        'unshare --user: unshare failed: No space left on device; user.max_user_namespaces is 0: nobody may make one',
      try: 'sudo sysctl -w user.max_user_namespaces=28633',
    })
    expect(badOf(MAXIMUM.judge({ ...switches, 'user.max_user_namespaces': '15' })).severity).toBe('warning')
  })

  it('with the maximum of another kind at 0: only that one is raised', () => {
    const made = failed('unshare: unshare failed: No space left on device')
    const maxima = { mnt: 63_432, net: 0, ipc: 63_432, uts: 63_432, cgroup: 63_432, pid: 63_432 }
    expect(badOf(KINDS_PROBE.judge({ made, maxima }))).toMatchObject({
      found: 'unshare: unshare failed: No space left on device; user.max_net_namespaces is 0',
      try: 'sudo sysctl -w user.max_net_namespaces=28633',
    })
    expect(badOf(KINDS_PROBE.judge({ made, maxima: { ...maxima, pid: 0 } })).try).toBe(
      'for kind in net pid; do sudo sysctl -w user.max_${kind}_namespaces=28633; done',
    )
    expect(badOf(KINDS_PROBE.judge({ made, maxima: {} })).try).toBeUndefined()
    expect(badOf(KINDS_PROBE.judge({ made, maxima: { ...maxima, net: 63_432 } })).try).toMatch(/no maximum is low/)
  })

  it('with Debian’s switch off, as linux-hardened has it', () => {
    const switches = { ...DEBIAN, 'kernel.unprivileged_userns_clone': '0' }
    const made = failed('unshare: unshare failed: Operation not permitted')
    expect(badOf(CREATE.judge({ made, switches, seccomp: '0' })).try).toBe(
      'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    )
    expect(badOf(SWITCH.judge(switches)).found).toMatch(/only root/)
  })

  it('in a container with a filter', () => {
    const made = failed('unshare: unshare failed: Operation not permitted')
    const { found } = badOf(CREATE.judge({ made, switches: DEBIAN, seccomp: '2' }))
    expect(found).toMatch(/seccomp filter: probably a container$/)
  })

  it('on Ubuntu 24.04, where they can be made and are of no use', () => {
    const mounted = failed('unshare: write failed /proc/self/uid_map: Operation not permitted')
    expect(CREATE.judge({ made: ok, switches: UBUNTU_24_04, seccomp: '0' }).is).toBe('fine')
    expect(badOf(CAPABILITIES.judge({ mounted, switches: UBUNTU_24_04 })).found).toBe(
      'mounting a tmpfs in one: write failed /proc/self/uid_map: Operation not permitted; ' +
        'kernel.apparmor_restrict_unprivileged_userns is 1',
    )
    const confined = { switches: UBUNTU_24_04, profile: 'unconfined', works: false }
    expect(badOf(RESTRICTION.judge(confined)).found).toMatch(/this program runs as unconfined$/)
    expect(RESTRICTION.judge({ ...confined, profile: 'glasspod (unconfined)', works: true }).is).toBe('fine')
    const both = { ...UBUNTU_24_04, 'kernel.apparmor_restrict_unprivileged_unconfined': '1' }
    expect(badOf(UNCONFINED.judge({ ...confined, switches: both })).found).toMatch(/aa-exec is no way around/)
    expect(UNCONFINED.judge({ ...confined, switches: both, works: true }).is).toBe('fine')
  })
})

describe('ids', () => {
  const facts = { file: '/etc/subuid', user: 'ann', freeRange: '165536-231071' }

  it('a range that is too small, or missing, or from elsewhere', () => {
    expect(UIDS.judge({ ...facts, ranges: [{ start: 100_000, count: 65_536 }] })).toEqual(
      fine('65536 ids from 100000 on'),
    )
    expect(badOf(UIDS.judge({ ...facts, ranges: [{ start: 100_000, count: 1000 }] })).found).toMatch(/only 1000 ids/)
    expect(badOf(UIDS.judge({ ...facts, ranges: [], isFileThere: false })).found).toBe('there is no /etc/subuid')
    expect(badOf(UIDS.judge({ ...facts, ranges: [], nss: 'sss' })).found).toMatch(/nsswitch.conf has subid: sss/)
  })

  it('two users with one range', () => {
    const texts = ['ann:100000:65536\nbob:120000:65536\n', 'ann:100000:65536\nbob:165536:65536\n']
    expect(badOf(OVERLAP.judge({ user: 'ann', uid: 1000, texts })).found).toBe(
      'bob has ids from 120000 on, ann from 100000',
    )
    expect(OVERLAP.judge({ user: 'ann', uid: 1000, texts: texts.slice(1) }).is).toBe('fine')
  })

  it.each([
    ['setuid, Debian', { setuid: true, capabilities: '' }, 'fine'],
    ['a capability, Fedora', { capabilities: '/usr/bin/newuidmap cap_setuid=ep' }, 'fine'],
    ['a capability, libcap before 2.41', { capabilities: '/usr/bin/newuidmap = cap_setuid+ep' }, 'fine'],
    ['neither, in a container image', { capabilities: '' }, 'bad'],
    ['nobody knows', {}, 'unasked'],
  ])('newuidmap with %s', (_what, more, is) => {
    expect(NEWUIDMAP.judge({ helper: 'newuidmap', path: '/usr/bin/newuidmap', ...more }).is).toBe(is)
  })

  it('a map that newuidmap may not write', () => {
    const made = failed('newuidmap: write to uid_map failed: Operation not permitted')
    expect(badOf(MAP.judge({ mappedIds: 65_536, made, noNewPrivileges: true })).found).toMatch(/has no_new_privs/)
    expect(badOf(MAP.judge({ mappedIds: 65_536, made, noNewPrivileges: false })).found).toMatch(/uid_map failed/)
    expect(MAP.judge({ mappedIds: 1, made: ok, noNewPrivileges: false })).toEqual(unasked('there is no range to map'))
  })
})

const UNIFIED = '24 20 0:22 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate'
const HYBRID = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`

describe('cgroups', () => {
  it.each([
    ['unified', UNIFIED, 'fine', 'version 2 at /sys/fs/cgroup'],
    ['hybrid', HYBRID, 'bad', 'hybrid: version 2 at /sys/fs/cgroup/unified, but version 1 has memory'],
    ['legacy', HYBRID.split('\n').slice(0, 3).join('\n'), 'bad', 'only version 1 is mounted, with memory'],
    [
      'in a container',
      UNIFIED.replace('rw,', 'ro,'),
      'bad',
      '/sys/fs/cgroup is mounted read-only: this is probably a container',
    ],
    ['none', '', 'bad', 'no cgroup filesystem is mounted here'],
  ])('%s', (_what, mountinfo, is, found) => {
    expect(CGROUP_VERSION.judge(parseMountinfo(mountinfo))).toMatchObject({ is, found })
  })

  const cpu = CGROUP_PROBES.find(({ id }) => id === 'cgroups.cpu')
  const lack = { found: 'the cpu controller is bound to cgroup v1 on this machine', try: 'boot with cgroup_no_v1=all' }

  it.each([
    ['lacks', { directory: '/d', lacks: { cpu: lack } }, { is: 'bad', ...lack }],
    ['has', { directory: '/d', lacks: { io: lack } }, { is: 'fine', found: '/d has it' }],
    [
      'has for others',
      { directory: undefined, lacks: {} },
      { is: 'bad', found: expect.stringMatching(/no directory/) as string },
    ],
  ])('a controller that the place %s', (_what, place, verdict) => {
    expect(cpu?.judge({ ...place, systemd: true })).toMatchObject(verdict)
  })
})

describe('the session', () => {
  const session = { booted: true, byRoot: false, uid: 1000, user: 'ann', manager: true, lingers: false }

  it('after su, nobody manages the user', () => {
    expect(badOf(MANAGER.judge({ ...session, manager: false })).found).toMatch(/\/run\/user\/1000\/systemd/)
    expect(MANAGER.judge(session).is).toBe('fine')
    expect(MANAGER.judge({ ...session, booted: false, manager: false }).is).toBe('unasked')
  })

  it('ends with the logout, unless the user lingers', () => {
    expect(badOf(LINGER.judge(session)).found).toMatch(/^ann does not linger/)
    expect(LINGER.judge({ ...session, lingers: true }).is).toBe('fine')
  })

  it('has the runtime directory of the user before', () => {
    const problem = '/run/user/0 belongs to uid 0, not to 1000'
    expect(badOf(RUNTIME.judge({ value: '/run/user/0', uid: 1000, problem })).found).toBe(
      `${problem}: /tmp/glasspod-1000 takes its place`,
    )
    expect(RUNTIME.judge({ value: '', uid: 1000, problem: undefined }).is).toBe('fine')
  })
})

describe('the root directory', () => {
  it.each([
    [
      'nfs4',
      'mount: /h/merged: wrong fs type, bad option, bad superblock on overlay.',
      /nfs4 cannot hold an upper layer; it is copied$/,
    ],
    [
      'ext4',
      "mount: /h/merged: unknown filesystem type 'overlay'.",
      /^on ext4 at \/h: .*unknown filesystem type 'overlay'; it is copied$/,
    ],
  ])('on %s', (type, said, found) => {
    const mount = { type, point: '/h', options: [] }
    const verdict = badOf(OVERLAY_MOUNT.judge({ ended: failed(said, 32), mount, instead: 'it is copied' }))
    expect(verdict.found).toMatch(found)
    // other drivers take its place
    expect(verdict.severity ?? OVERLAY_MOUNT.severity).toBe('warning')
  })

  it('where fuse-overlayfs is missing, or its device is, is closed, or is made by root for its node', () => {
    const facts = { device: '/dev/fuse', errno: 'EACCES', program: '/usr/bin/fuse-overlayfs' }
    expect(badOf(FUSE.judge({ ...facts, program: undefined })).found).toBe('there is no fuse-overlayfs')
    expect(badOf(FUSE.judge(facts)).try).toMatch(/^sudo chmod 0666 \/dev\/fuse; .*KERNEL=="fuse"/)
    expect(badOf(FUSE.judge({ ...facts, errno: 'ENOENT' })).try).toMatch(/^sudo modprobe fuse/)
    expect(FUSE.judge({ ...facts, ownDevice: true }).is).toBe('fine')
  })

  it('with little room, no room, and no inodes', () => {
    const space = { point: '/h', freeBytes: 500e6, freeFiles: undefined }
    expect(badOf(SPACE.judge(space))).toEqual({ is: 'bad', found: '500 MB are free at /h' })
    expect(badOf(SPACE.judge({ ...space, freeBytes: 1e6 })).severity).toBe('blocker')
    expect(badOf(SPACE.judge({ ...space, freeBytes: 50e9, freeFiles: 12 })).found).toMatch(/only 12 inodes/)
  })
})

describe('the network', () => {
  it('a new /proc in a container of docker', () => {
    const ended = failed('mount: /proc: permission denied.\n       dmesg(1) may have more information.', 32)
    const covers = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys']
    expect(badOf(PROC.judge({ ended, covers })).found).toBe(
      'mount -t proc: /proc: permission denied; covered here: /proc/bus, /proc/fs, /proc/irq and 1 more: ' +
        'this is probably a container',
    )
  })

  it('a tun device that is absent, closed, without a driver, or made by root for its node', () => {
    const device = '/dev/net/tun'
    expect(badOf(TUN_DEVICE.judge({ device, errno: 'ENOENT' })).found).toBe('/dev/net/tun does not exist')
    expect(badOf(TUN_DEVICE.judge({ device, errno: 'EACCES' })).try).toMatch(/^sudo chmod 0666 \/dev\/net\/tun/)
    expect(badOf(TUN_DEVICE.judge({ device, errno: 'ENODEV' })).found).toMatch(/driver is not loaded/)
    expect(TUN_DEVICE.judge({ device, errno: 'EACCES', ownDevice: true }).is).toBe('fine')
  })

  it('ports and ping', () => {
    expect(badOf(PORTS.judge('1024')).found).toBe('published ports begin at 1024')
    expect(PORTS.judge('80').is).toBe('fine')
    expect(badOf(PING.judge({ range: '1\t0', gids: [1000] })).found).toMatch(/is 1 0: no group/)
    expect(PING.judge({ range: '0\t2147483647', gids: [1000] }).is).toBe('fine')
  })

  it('names', () => {
    expect(NAMES.judge('search lan\nnameserver 127.0.0.53\noptions edns0\n')).toEqual(fine('127.0.0.53'))
    expect(NAMES.judge('# nameserver 1.1.1.1\n').is).toBe('bad')
    expect(NAMES.judge(undefined).is).toBe('bad')
  })

  it('a VPN that has the addresses of the pods', () => {
    const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
    const home =
      'wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\nwlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n'
    const vpn = 'tun0\t0000580A\t00000000\t0001\t0\t0\t50\t0000FFFF\t0\t0\t0\n'
    expect(parseRoutes(head + home)).toEqual([{ device: 'wlan0', address: 0xc0a80100, bits: 24 }])
    expect(ROUTES.judge(head + home).is).toBe('fine')
    expect(badOf(ROUTES.judge(head + home + vpn)).found).toBe(
      "the host has 10.88.0.0/16 on tun0: it meets the pods' 10.88.0.0/16",
    )
  })
})

describe('the kernel and what runs out', () => {
  it.each([
    ['5.10.0-28-amd64', 'bad'],
    ['5.4.0-200-generic', 'bad'],
    ['5.12.0', 'fine'],
    ['6.1.0-18-amd64', 'fine'],
    ['6.6.87.2-microsoft-standard-WSL2', 'fine'],
  ])('Linux %s', (release, is) => expect(VERSION.judge(release).is).toBe(is))

  it('a kernel without filters', () => {
    expect(SECCOMP.judge({ status: 'Name:\tcat\n', actions: undefined }).is).toBe('bad')
    const status = 'Seccomp:\t2\nSeccomp_filters:\t1\n'
    expect(SECCOMP.judge({ status, actions: 'kill_process errno allow' }).found).toMatch(
      /1 already: probably a container/,
    )
  })

  it('watches, processes and memory', () => {
    expect(badOf(INOTIFY.judge({ errno: 'EMFILE', instances: '128', watches: '8192' })).severity).toBe('warning')
    expect(badOf(INOTIFY.judge({ errno: undefined, instances: '128', watches: '8192' })).severity).toBeUndefined()
    const cgroup = { directory: '/sys/fs/cgroup/user.slice', free: 12 }
    expect(badOf(PROCESSES.judge({ limit: 'unlimited', pidMax: '4194304', cgroup })).found).toMatch(/room for 12 more/)
    expect(
      parseSoftLimit(
        'Max processes             96365                96365                processes \n',
        'Max processes',
      ),
    ).toBe('96365')
    expect(MEMORY.judge('MemTotal: 2 kB\nMemAvailable:    1000000 kB\n')).toEqual(fine('976 MiB are available'))
  })

  it('unshare(1) of Debian 11', () => {
    expect(
      badOf(UNSHARE.judge({ help: ' -c, --map-current-user', version: 'unshare from util-linux 2.36.1' })).found,
    ).toBe('unshare from util-linux 2.36.1')
  })
})
