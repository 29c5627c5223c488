/** What separates a container from the host, read from /proc of the host and not from what the container says. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { listNodeProcesses } from '../fixtures/residue.ts'

const root = makeRoot()
let pid = 0

const namespace = (of: number | string, name: string): string => readlinkSync(`/proc/${of}/ns/${name}`)
const statusOf = (of: number, field: string): string =>
  new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${of}/status`, 'utf8'))?.[1] ?? ''
const inside = (script: string, flags: string[] = []) => root.ok(['exec', ...flags, 'one', 'sh', '-c', script])

beforeAll(async () => {
  await root.seedImage()
  await root.ok(['run', '-d', '--name', 'one', '--network', 'none', root.image, 'sleep', '1000'])
  pid = (await root.inspect('one')).State.Pid
})
afterAll(root.teardown)

describe('namespaces', () => {
  test.each(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'])('%s is not that of the host', (name) => {
    expect(namespace(pid, name)).not.toBe(namespace('self', name))
  })

  test('two containers without a pod share only the node, their user namespace', async () => {
    await root.ok(['run', '-d', '--name', 'other', '--network', 'none', root.image, 'sleep', '1000'])
    const other = (await root.inspect('other')).State.Pid
    const shared = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts'].filter(
      (name) => namespace(pid, name) === namespace(other, name),
    )
    expect(shared).toEqual(['user'])
    await root.ok(['rm', '-f', 'other'])
  })

  test('exec is in all of them', async () => {
    const names = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']
    const seen = (await inside(names.map((name) => `readlink /proc/self/ns/${name}`).join(';'))).split('\n')
    expect(seen).toEqual(names.map((name) => namespace(pid, name)))
  })
})

/** Of one that has ended since it was listed nothing is left to look at: a plugin that gives an address back is such a one. */
const readMap = (path: string): string[] => {
  try {
    return readFileSync(path, 'utf8').trim().split('\n')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

describe('ids', () => {
  test('no process of ours maps host 0, in either map', () => {
    const processes = listNodeProcesses(root.dir)
    expect(processes).toContain(pid)
    for (const process of processes) {
      for (const file of ['uid_map', 'gid_map']) {
        const outside = readMap(`/proc/${process}/${file}`).map((line) => Number(line.trim().split(/\s+/)[1]))
        expect(outside).not.toContain(0)
      }
    }
  })

  test('root inside is an ordinary user outside', () => {
    const uids = statusOf(pid, 'Uid').split('\t').map(Number)
    expect(uids).not.toContain(0)
  })

  test('files of the host stay out of reach of it', async () => {
    expect(await inside('cat /proc/1/root/etc/shadow 2>&1 | head -1; id -u')).toContain('0')
    const { stdout } = await root.glasspod([
      'exec',
      'one',
      'sh',
      '-c',
      'echo x >/proc/sys/kernel/core_pattern; echo $?',
    ])
    expect(stdout).toBe('1')
  })
})

describe('the network settings', () => {
  test('let all groups that it has open a socket for ping, and all users any port', async () => {
    const ranges = readFileSync(`/proc/${pid}/gid_map`, 'utf8').trim().split('\n')
    const last =
      Math.max(...ranges.map((line) => line.trim().split(/\s+/).map(Number)).map(([at = 0, , n = 0]) => at + n)) - 1
    expect(await inside('cat /proc/sys/net/ipv4/ping_group_range')).toBe(`0\t${last}`)
    expect(await inside('cat /proc/sys/net/ipv4/ip_unprivileged_port_start')).toBe('0')
  })
})

describe('privileges', () => {
  // CAP_CHOWN ... CAP_SETFCAP: the default set of Docker
  const DEFAULT = '00000000a80425fb'

  test('the capabilities are the default set, and not more', () => {
    expect(statusOf(pid, 'CapBnd')).toBe(DEFAULT)
    expect(statusOf(pid, 'CapEff')).toBe(DEFAULT)
    expect(statusOf(pid, 'CapInh')).toBe('0000000000000000')
    expect(statusOf(pid, 'CapAmb')).toBe('0000000000000000')
  })

  test('another user has none in effect', async () => {
    expect(await inside('grep CapEff /proc/self/status', ['-u', 'www'])).toMatch(/0{16}$/)
  })

  test('--cap-drop and --cap-add change the set', async () => {
    const flags = ['--rm', '--network', 'none', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW']
    expect((await root.run(flags, ['grep', 'CapEff', '/proc/self/status'])).stdout).toMatch(/0000000000002000$/)
  })

  test('seccomp filters the calls (mode 2)', () => {
    expect(statusOf(pid, 'Seccomp')).toBe('2')
  })

  test('unshare of a user namespace is refused', async () => {
    expect(await root.glasspod(['exec', 'one', 'unshare', '-U', 'true'])).toMatchObject({ exitCode: 1 })
  })

  test('no_new_privs is off, and on where it is asked for', async () => {
    expect(statusOf(pid, 'NoNewPrivs')).toBe('0')
    const flags = ['--rm', '--network', 'none', '--security-opt', 'no-new-privileges']
    expect((await root.run(flags, ['grep', 'NoNewPrivs', '/proc/self/status'])).stdout).toMatch(/1$/)
  })
})

describe('the file system', () => {
  test('masked paths are empty or closed', async () => {
    const paths = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/sys/firmware']
    const script = paths
      .map((path) => `[ ! -e ${path} ] || { cat ${path} 2>/dev/null; ls -A ${path}; } | head -c 50`)
      .join(';')
    const lines = (await inside(script)).split('\n').filter((line) => line !== '' && !line.startsWith('/proc/'))
    expect(lines).toEqual([])
  })

  test.each(['/proc/sys', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'])(
    '%s is read-only where it exists',
    async (path) => {
      const answer = await inside(
        `[ ! -e ${path} ] || { grep -q " ${path} .*ro[ ,]" /proc/mounts && echo ro || echo rw; }`,
      )
      expect(['', 'ro']).toContain(answer)
    },
  )

  test('nothing of the host is mounted: no path of the root directory is in its mountinfo', () => {
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
    expect(mounts[0]).toBe('/')
    const known = /^\/($|proc|sys|dev|etc\/(hosts|hostname|resolv\.conf)$)/
    expect(mounts.filter((at) => !known.test(at))).toEqual([])
  })

  test('the root switch leaves no way back', async () => {
    expect(await inside('cd /; cd ../../..; pwd; ls -d /work /home 2>/dev/null; true')).toBe('/')
  })
})

describe('descriptors', () => {
  const listTargets = (of: number | 'self') => `for fd in /proc/${of}/fd/*; do readlink $fd || true; done`

  test('the command has its three, and no other', () => {
    expect(readdirSync(`/proc/${pid}/fd`)).toEqual(['0', '1', '2'])
  })

  test('none of exec leads to the host', async () => {
    const targets = (await inside(listTargets('self'))).split('\n')
    expect(targets.filter((target) => !/^(pipe:|socket:|\/dev\/|\/proc\/\d+\/fd)/.test(target))).toEqual([])
  })
})
