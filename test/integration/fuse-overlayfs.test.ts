/** Storage driver fuse-overlayfs: the tree, who answers for it, and that this one ends with the container and never before. */
import { chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readComm } from '../../runtime/kernel/processes.ts'
import type { ExplainedStep } from '../../runtime/see/explain.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { FUSE_OVERLAYFS, hasUsableFuse, planOwnFuse } from '../fixtures/fuse-device.ts'
import { isDead, makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { BASE, LIST, NEXT } from '../fixtures/layered-image.ts'
import { planWithAnother, planWithout } from '../fixtures/private-mounts.ts'
import { expectNoResidue, listNodeProcesses } from '../fixtures/residue.ts'
import { findPrograms, walk } from '../fixtures/strace.ts'
import { traceWhile } from '../fixtures/trace-while.ts'

const DRIVER = 'fuse-overlayfs'

describe.skipIf(!hasUsableFuse())('fuse-overlayfs [needs a usable /dev/fuse]', () => {
  const root = makeRoot(['env', `GLASSPOD_STORAGE_DRIVER=${DRIVER}`])
  let registry: FaultyRegistry
  let image = ''
  let work = ''

  beforeAll(async () => {
    registry = await startFaultyRegistry(await makeSmallImage([BASE, NEXT], false))
    image = `${registry.host}/x`
    work = mkdtempSync('/tmp/gp-fuse-')
    chmodSync(work, 0o777)
    await root.ok(['pull', '-q', image])
  })
  afterAll(async () => {
    await root.teardown()
    await registry.stop()
    rmSync(work, { recursive: true, force: true })
  })

  const run = (flags: readonly string[], ...command: string[]) =>
    root.ok(['run', '--network', 'none', ...flags, image, ...command])
  const sleeping = async (name: string) => {
    await run(['-d', '--name', name], 'sleep', '1000')
    const { Id: id, State } = await root.inspect(name)
    return { id, pid: State.Pid, upper: `${root.dir}/containers/${id}/upper` }
  }
  const daemons = () => listNodeProcesses(root.dir).filter((pid) => readComm(pid) === DRIVER)
  const monitors = () => listNodeProcesses(root.dir).filter((pid) => readComm(pid) === 'glasspod-mon')
  const whenDead = (what: string, pid: number) => until(`${what} is gone`, () => isDead(pid))

  test('info says so, and why', async () => {
    expect(JSON.parse(await root.ok(['info', '--format', 'json']))).toMatchObject({
      Driver: DRIVER,
      DriverStatus: [expect.anything(), ['Chosen', '--storage-driver or GLASSPOD_STORAGE_DRIVER asked for it']],
    })
  })

  test('the root is one mount of it, on which setuid counts; who answers is in no cgroup and no namespace of the container', async () => {
    const before = await root.residue()
    const { pid } = await sleeping('c')
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')
    const roots = mounts.filter((line) => line.split(' ')[4] === '/')
    expect(roots).toEqual([expect.stringMatching(/ rw,relatime - fuse\.fuse-overlayfs fuse-overlayfs rw,/)])
    expect(mounts.join('\n')).not.toContain(' - overlay ')
    const [daemon = 0, ...more] = daemons()
    expect(more).toEqual([])
    const read = (of: number, file: string) => readFileSync(`/proc/${of}/${file}`, 'utf8')
    expect(read(daemon, 'cgroup')).toBe(read(monitors()[0] ?? 0, 'cgroup'))
    const inodes = (of: number) => ['mnt', 'pid'].map((kind) => statSync(`/proc/${of}/ns/${kind}`).ino)
    expect(inodes(daemon)).toEqual(inodes(await readAgentPid(root)))
    // nothing of ours: the layers, the device, its own pipe
    const held = readdirSync(`/proc/${daemon}/fd`).length
    expect(held).toBeLessThan(16)
    await root.ok(['rm', '-f', 'c'])
    await whenDead('the daemon', daemon)
    await expectNoResidue(root.dir, before)
  })

  test('the tree is the one that overlay shows: owners, modes, times, links, whiteouts, opaque directories', async () => {
    const overlay = makeRoot()
    await overlay.ok(['pull', '-q', image])
    const shown = await overlay.ok(['run', '--rm', '--network', 'none', image, 'sh', '-c', LIST])
    await overlay.teardown()
    const served = await run(['--rm'], 'sh', '-c', LIST)
    expect(served).toContain('opaque/above')
    expect(served).not.toContain('opaque/below')
    expect(served).not.toContain('gone')
    // links are counted in the tree that one sees, where the kernel counts those of the layer
    const comparable = (list: string) => list.replace(/^(\S+ .*) \d+$/gm, '$1')
    expect(comparable(served)).toBe(comparable(shown))
  })

  test('what one writes lands in its upper directory when the run ends, the image has it not, a start finds it', async () => {
    const script =
      'cat /etc/passwd >/kept/new/file; echo more >>/kept/deep/b; rm -r /opaque; mkdir /opaque; cat /kept/deep/b'
    expect(await run(['--name', 'first'], 'sh', '-c', script)).toBe('kept/deep/bmore')
    const { Id: id } = await root.inspect('first')
    const upper = `${root.dir}/containers/${id}/upper`
    expect(readFileSync(`${upper}/kept/new/file`, 'utf8')).toBe((await run(['--rm'], 'cat', '/etc/passwd')) + '\n')
    expect(readFileSync(`${upper}/kept/deep/b`, 'utf8')).toBe('kept/deep/bmore\n')
    expect(await run(['--rm'], 'cat', '/kept/deep/b', '/opaque/above')).toBe('kept/deep/bopaque/above')
    await root.ok(['export', '-o', `${work}/first.tar`, 'first'])
    const { stdout: exported } = await execa('tar', ['-tf', `${work}/first.tar`])
    const names = exported.split('\n')
    expect(names).toEqual(expect.arrayContaining(['kept/new/file', 'opaque/', 'etc/passwd']))
    expect(names.filter((name) => /opaque\/.|^gone|\.wh\./.test(name))).toEqual([])
    const again = await root.glasspod(['start', '-a', 'first'])
    expect(again.stdout).toBe('kept/deep/bmore\nmore')
    expect(await root.inspect('first')).toMatchObject({ Driver: DRIVER })
    await root.ok(['rm', 'first'])
  })

  test('exec, --read-only, a volume, a user of the image', async () => {
    await sleeping('used')
    expect(await root.ok(['exec', '--user', 'www', 'used', 'id', '-u'])).toBe('33')
    await root.ok(['exec', 'used', 'touch', '/made'])
    expect(await root.ok(['exec', 'used', 'ls', '/made'])).toBe('/made')
    const readonly = await root.glasspod(['run', '--rm', '--network', 'none', '--read-only', image, 'touch', '/etc/x'])
    expect(readonly.stderr).toMatch(/read-only/i)
    writeFileSync(`${work}/file`, 'of the host')
    expect(await run(['--rm', '-v', `${work}:/host:ro`], 'cat', '/host/file')).toBe('of the host')
    await root.ok(['rm', '-f', 'used'])
  })

  test('it goes on when the agent is killed, and ends with the container', async () => {
    const before = await root.residue()
    const { pid } = await sleeping('lives')
    const [daemon = 0] = daemons()
    process.kill(await readAgentPid(root), 'SIGKILL')
    expect(await root.ok(['exec', 'lives', 'cat', '/kept/deep/b'])).toBe('kept/deep/b')
    expect({ daemons: daemons(), pid: (await root.inspect('lives')).State.Pid }).toEqual({ daemons: [daemon], pid })
    await root.ok(['rm', '-f', 'lives'])
    await whenDead('the daemon', daemon)
    await expectNoResidue(root.dir, before)
  })

  test('nothing of it is left when the monitor is killed', async () => {
    const before = await root.residue()
    const { pid } = await sleeping('orphan')
    const [[daemon = 0], [monitor = 0]] = [daemons(), monitors()]
    process.kill(monitor, 'SIGKILL')
    await whenDead('the container', pid)
    await whenDead('the daemon', daemon)
    await until('the end is noted', async () => !(await root.inspect('orphan')).State.Running)
    await root.ok(['rm', 'orphan'])
    await expectNoResidue(root.dir, before)
  })

  test('if it is killed itself, an error says what that means, and the container can be started again', async () => {
    const { pid } = await sleeping('deaf')
    process.kill(daemons()[0] ?? 0, 'SIGKILL')
    await until('the root answers no more', async () => (await root.glasspod(['exec', 'deaf', 'ls'])).exitCode !== 0)
    const { stderr } = await root.glasspod(['exec', 'deaf', 'ls'])
    expect(stderr).toContain('fuse-overlayfs, which answered for the root of the container, has ended')
    await root.ok(['restart', '-t', '0', 'deaf'])
    expect((await root.inspect('deaf')).State.Pid).not.toBe(pid)
    expect(await root.ok(['exec', 'deaf', 'cat', '/kept/deep/b'])).toBe('kept/deep/b')
    await root.ok(['rm', '-f', 'deaf'])
  })

  test.runIf(['x64', 'arm64'].includes(process.arch))(
    'under strace the calls made are the calls explained',
    async ({ skip }) => {
      // of the host: strace reads the memory of what it has stopped, and a page of the image it would have to ask the daemon for
      const program = ['-v', '/bin/busybox:/host/busybox:ro', '--entrypoint', '/host/busybox']
      await root.ok(['create', '--name', 'traced', '--network', 'none', ...program, image, 'true'])
      const steps = JSON.parse(await root.ok(['explain', '--format', 'json', 'start', 'traced'])) as ExplainedStep[]
      const directory = mkdtempSync(`${work}/trace-`)
      chmodSync(directory, 0o777)
      const trace = await traceWhile(await readAgentPid(root), directory, () => root.ok(['start', '-a', 'traced']))
      await root.ok(['rm', 'traced'])
      if (trace === undefined) return skip('missing capability: ptrace of own processes')
      const inside = steps.find(({ id }) => id === 'container.init')?.inside ?? []
      const { ends } = walk(
        inside.flatMap(({ calls = [] }) => calls),
        trace,
        findPrograms(trace, 'init')[0],
      )
      // the container, the daemon, two pumps, the monitor
      expect(ends.toSorted()).toEqual(['execve', 'execve', 'exit_group', 'exit_group', 'exit_group'])
    },
  )

  test('run --explain tells each step; run --dry-run=sh makes the same mount', async () => {
    const explained = await root.glasspod(['run', '--explain', '--rm', '--network', 'none', image, 'ls'])
    expect(explained.stderr).toContain('rootfs.fuse')
    expect(explained.stderr.split('\n').filter((line) => line.startsWith('✘'))).toEqual([])
    const tell = "grep ' / / ' /proc/self/mountinfo; echo new >/kept/new/x; cat /kept/new/x; ls /gone"
    const file = `${work}/script.sh`
    const text = await root.ok(['run', '--rm', '--dry-run=sh', '--network', 'none', image, 'sh', '-c', tell])
    writeFileSync(file, `${text}\n`)
    const become =
      process.getuid?.() === 0 ? ['setpriv', '--reuid', 'glasspod', '--regid', 'glasspod', '--init-groups', '--'] : []
    const devices = mkdtempSync(`${work}/dev-`)
    const [program = '', ...words] = [...planOwnFuse(devices), ...become, 'sh', file]
    const { stdout, stderr } = await execa(program, words, {
      reject: false,
      stdin: 'ignore',
      cwd: '/',
      env: { TMPDIR: work },
    })
    expect(stdout, stderr).toMatch(/ \/ \/ .* - fuse\.fuse-overlayfs fuse-overlayfs rw,.*\nnew$/)
    expect(stderr).toMatch(/gone.*No such file/)
    expect(readdirSync(work).filter((name) => name.startsWith('by-hand'))).toEqual([])
  })
})

describe('asked for and not to be had, it is refused, and said why', () => {
  const refusalOf = async (within: readonly string[]) => {
    const root = makeRoot(within)
    const { exitCode, stderr } = await root.glasspod(['--storage-driver', DRIVER, 'info'])
    await root.ok(['system', 'reset', '--force'])
    rmSync(root.dir, { recursive: true, force: true })
    return { exitCode, stderr }
  }

  test('the program', async () => {
    const { exitCode, stderr } = await refusalOf(planWithout(FUSE_OVERLAYFS))
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/the storage driver fuse-overlayfs does not work for .* {3}\[storage\.driver\]/)
    expect(stderr).toMatch(/found {2}there is no fuse-overlayfs in \S*\/usr\/bin/)
    expect(stderr).toContain('sudo apt-get install fuse-overlayfs')
  })

  test('the device', async () => {
    const file = `${mkdtempSync('/tmp/gp-nothing-')}/fuse`
    writeFileSync(file, '', { mode: 0o000 })
    if (process.getuid?.() === 0) chownSync(file, 0, 0)
    const { exitCode, stderr } = await refusalOf(planWithAnother('/dev/fuse', file))
    rmSync(file.replace(/\/fuse$/, ''), { recursive: true })
    expect(exitCode).toBe(125)
    // what an ordinary user owns, his agent may open
    const [found, advice] =
      process.getuid?.() === 0
        ? [/found {2}openat \/dev\/fuse: EACCES .*not for this user/, 'sudo chmod 0666 /dev/fuse']
        : [/found {2}fsconfig rootfs\.fuse: EINVAL .*ENODEV/, 'sudo modprobe fuse']
    expect(stderr).toMatch(found)
    expect(stderr).toContain(advice)
  })
})
