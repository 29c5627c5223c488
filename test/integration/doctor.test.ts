/**
 * `glasspod doctor` on machines with one thing wrong, made in namespaces: each condition is found by its own probe, with
 * its severity, and a blocker is an exit code.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { isAliveNow } from '../fixtures/netns.ts'
import { listNodeProcesses } from '../fixtures/residue.ts'
import { makeSandbox } from '../fixtures/sandbox.ts'

interface Finding {
  id: string
  status: string
  found: string
  try?: string
  leftovers?: { what: string; remove: string }[]
}

const sandbox = makeSandbox()
const test = makeRoot()

afterAll(() => {
  sandbox.end()
  rmSync(test.dir, { recursive: true, force: true })
})

const isRoot = process.getuid?.() === 0

/** What is wrong, and how it comes to be; the probe that must say so, with which severity, and what it must have found. */
const CONDITIONS: { wrong: string; script: string; id: string; status: string; found: RegExp }[] = [
  {
    wrong: 'an empty /etc/subuid',
    script: ': > $dir/e; mount --bind $dir/e /etc/subuid',
    id: 'ids.subuid',
    status: 'warning',
    found: /no range for \S+ in \/etc\/subuid/,
  },
  {
    wrong: 'an empty /etc/subgid',
    script: ': > $dir/e; mount --bind $dir/e /etc/subgid',
    id: 'ids.subgid',
    status: 'warning',
    found: /no range for/,
  },
  {
    wrong: 'host id 0 in /etc/subuid',
    script: 'echo "$(id -un):0:65536" > $dir/e; mount --bind $dir/e /etc/subuid',
    id: 'ids.subuid',
    status: 'blocker',
    found: /gives host id 0/,
  },
  {
    wrong: 'a newuidmap without its privilege',
    script: 'cp /usr/bin/newuidmap $dir/n; mount --bind $dir/n /usr/bin/newuidmap',
    id: 'ids.newuidmap',
    status: 'warning',
    found: /neither the setuid bit nor cap_setuid|cannot be read/,
  },
  {
    wrong: 'no user namespaces left',
    script: 'echo 0 > /proc/sys/user/max_user_namespaces',
    id: 'userns.create',
    status: 'blocker',
    found: /No space left on device; user.max_user_namespaces is 0/,
  },
  {
    wrong: 'no user namespaces left',
    script: 'echo 0 > /proc/sys/user/max_user_namespaces',
    id: 'userns.max',
    status: 'blocker',
    found: /is 0: nobody may make one/,
  },
  {
    wrong: 'no network namespaces left',
    script: 'echo 0 > /proc/sys/user/max_net_namespaces',
    id: 'userns.kinds',
    status: 'blocker',
    found: /No space left/,
  },
  {
    wrong: 'a covered /proc/sys',
    script: 'mount -t tmpfs tmpfs /proc/sys',
    id: 'mounts.proc',
    status: 'blocker',
    found: /covered here: .*\/proc\/sys/,
  },
  {
    wrong: 'a read-only /proc/sys',
    script: 'mount --rbind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys',
    id: 'network.forward',
    status: 'blocker',
    found: /Read-only file system/,
  },
  {
    wrong: 'a covered /sys/class',
    script: 'mount -t tmpfs tmpfs /sys/class',
    id: 'mounts.sys',
    status: 'blocker',
    found: /covered here: .*\/sys\/class/,
  },
  {
    wrong: 'a file in place of /dev/full',
    script: ': > $dir/e; mount --bind $dir/e /dev/full',
    id: 'mounts.devices',
    status: 'blocker',
    found: /\/dev\/full/,
  },
  {
    wrong: 'no /dev/net/tun',
    script: 'mount -t tmpfs tmpfs /dev/net',
    id: 'uplink.tun',
    status: 'warning',
    found: /does not exist/,
  },
  {
    wrong: 'no name server',
    script: ': > $dir/e; mount --bind $dir/e /etc/resolv.conf',
    id: 'network.dns',
    status: 'warning',
    found: /no line "nameserver"/,
  },
  {
    wrong: 'a root directory on a noexec mount',
    script: 'mkdir -p $dir/root; mount -t tmpfs -o noexec,mode=0700 tmpfs $dir/root',
    id: 'root.noexec',
    status: 'blocker',
    found: /is mounted noexec/,
  },
  {
    wrong: 'a root directory on a small disk',
    script: 'mkdir -p $dir/root; mount -t tmpfs -o size=8m,mode=0700 tmpfs $dir/root',
    id: 'root.space',
    status: 'blocker',
    found: /MB are free/,
  },
  {
    wrong: 'a root directory on an overlay',
    script:
      'mkdir -p $dir/root $dir/l $dir/u $dir/w; mount -t overlay -o userxattr,lowerdir=$dir/l,upperdir=$dir/u,workdir=$dir/w o $dir/root',
    id: 'rootfs.overlay',
    status: 'warning',
    found: /overlay cannot hold an upper layer; (fuse-overlayfs takes its place|each container copies its layers)$/,
  },
  {
    wrong: 'a root directory of somebody else',
    script: 'mount --bind /usr $dir/root 2>/dev/null || { mkdir -p $dir/root; mount --bind /usr $dir/root; }',
    id: 'root.directory',
    status: 'blocker',
    found: /EACCES|not ours alone/,
  },
  {
    wrong: 'few open files',
    script: 'ulimit -n 256',
    id: 'limits.files',
    status: 'warning',
    found: /ulimit -n is 256/,
  },
  {
    wrong: 'little memory',
    script: 'echo "MemAvailable:  2048 kB" > $dir/e; mount --bind $dir/e /proc/meminfo',
    id: 'limits.memory',
    status: 'warning',
    found: /2 MiB are available/,
  },
]

describe('a machine with', () => {
  it.each(CONDITIONS)('$wrong: $id finds it', async ({ script, id, status, found }) => {
    const { exitCode, stdout, stderr } = await sandbox.glasspod(script, ['doctor', '--format', 'json', id])
    expect(stderr).toBe('')
    const [finding] = JSON.parse(stdout) as Finding[]
    expect(finding).toMatchObject({ id })
    expect(finding?.found).toMatch(found)
    if (!/cannot be read/.test(finding?.found ?? ''))
      expect(finding).toMatchObject({ status, try: expect.any(String) as string })
    expect(exitCode).toBe(finding?.status === 'blocker' ? 1 : 0)
  })

  it('no_new_privs: the map is refused, and ids.map says why', () => {
    const glasspod = [process.execPath, `${sandbox.dir}/app/bin/glasspod`, '--root', test.dir]
    const become = isRoot ? ['--reuid', 'glasspod', '--regid', 'glasspod', '--init-groups', '--inh-caps', '-all'] : []
    const run = () =>
      execFileSync('setpriv', ['--no-new-privs', ...become, '--', ...glasspod, 'doctor', 'ids.map'], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '' },
        cwd: '/',
      })
    expect(run).toThrow(
      expect.objectContaining({ status: 1, stdout: expect.stringMatching(/has no_new_privs/) as string }) as Error,
    )
  })

  it('no uplink program, and none of the others: they are named', async () => {
    const path = `${sandbox.dir}/empty`
    mkdirSync(path, { recursive: true })
    symlinkSync('/usr/bin/unshare', `${path}/unshare`)
    const ids = ['uplink.program', 'ids.newuidmap', 'programs.missing']
    const { stdout } = await test.glasspod(['doctor', '--format', 'json', ...ids], { env: { PATH: path } })
    const findings = new Map((JSON.parse(stdout) as Finding[]).map((finding) => [finding.id, finding]))
    expect(findings.get('uplink.program')).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/^no slirp4netns and no pasta in /) as string,
    })
    expect(findings.get('ids.newuidmap')).toMatchObject({ found: 'no newuidmap on this machine' })
    expect(findings.get('programs.missing')?.found).toMatch(/nsenter, setpriv, flock, .*jq/)
  })

  it('a runtime directory of somebody else: session.runtime-directory finds it', async () => {
    const args = ['doctor', '--format', 'json', 'session.runtime-directory']
    const { stdout } = await sandbox.glasspod(':', args, { XDG_RUNTIME_DIR: '/usr' })
    expect(JSON.parse(stdout)).toMatchObject([
      { status: 'warning', found: expect.stringMatching(/^\/usr belongs to uid/) as string },
    ])
  })
})

describe('an error', () => {
  it('has the finding of the probe that knows its cause', async () => {
    const { exitCode, stderr } = await sandbox.glasspod('echo 0 > /proc/sys/user/max_user_namespaces', ['info'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: unshare: .*No space left on device {3}\[process\.unshare\]$/m)
    expect(stderr).toMatch(/^ found {2}.*user\.max_user_namespaces is 0: nobody may make one$/m)
    expect(stderr).toMatch(/^ try {4}sudo sysctl -w user\.max_user_namespaces=\d+$/m)
  })
})

describe('doctor', () => {
  it('asks everything without an agent, and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await test.glasspod(['doctor', '--all'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^ {2}✔ userns\.create +unshare --user works$/m)
    expect(stdout).toMatch(/^\d+ blockers?, \d+ warnings?, \d+ notes?, \d+ fine/m)
    expect(exitCode).toBe(/^0 blockers/m.test(stdout) ? 0 : 1)
    expect(existsSync(`${test.dir}/glasspod-root`)).toBe(false)
    expect(execFileSync('find', [test.dir], { encoding: 'utf8' })).toBe(`${test.dir}\n`)
  })

  it('does not know what it does not know', async () => {
    const { exitCode, stderr } = await test.glasspod(['doctor', 'uplink.tum'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/doctor knows no condition uplink\.tum .*\n try {4}glasspod doctor uplink\.tun/)
  })

  it('--residue finds a node whose directories are gone, and its commands remove it', async () => {
    const lost = makeRoot()
    await lost.ok(['info'])
    const processes = listNodeProcesses(lost.dir)
    const runtime = execFileSync('readlink', [`${lost.dir}/run`], { encoding: 'utf8' }).trim()
    rmSync(runtime, { recursive: true, force: true })
    rmSync(lost.dir, { recursive: true, force: true })
    const find = async () => {
      const findings = JSON.parse(await test.ok(['doctor', '--residue', '--format', 'json'])) as Finding[]
      return findings
        .flatMap(({ leftovers = [] }) => leftovers)
        .filter(({ what }) => processes.some((pid) => what.startsWith(`process ${pid} `)))
    }
    const leftovers = await find()
    expect(leftovers.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^process \d+ glasspod-holder$/))
    for (const { remove } of leftovers) execFileSync('sh', ['-c', remove])
    const named = processes.filter((pid) => leftovers.some(({ what }) => what.startsWith(`process ${pid} `)))
    await until('they end', () => !named.some(isAliveNow))
    expect(await find()).toEqual([])
  })
})
