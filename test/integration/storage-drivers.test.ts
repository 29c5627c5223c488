/** What makes a root of layers: the driver that works or is asked for, by what the kernel says of the mounts. */
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { BIN, makeRoot, readAgentPid, type TestRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { hasUsableFuse } from '../fixtures/fuse-device.ts'
import { APPLETS, BASE, file, LIST, NEXT } from '../fixtures/layered-image.ts'
import { planOnOverlay } from '../fixtures/private-mounts.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

// an agent that has had nothing to do is gone, and the next one has the driver of whoever starts it
const roots = { overlay: makeRoot(), copy: makeRoot(['env', 'GLASSPOD_STORAGE_DRIVER=copy']) }
const asked = ['--storage-driver', 'copy']
let registry: FaultyRegistry
let image = ''

beforeAll(async () => {
  registry = await startFaultyRegistry(await makeSmallImage([BASE, NEXT], false))
  image = `${registry.host}/x`
  await roots.overlay.ok(['pull', '-q', image])
  await roots.copy.ok(['pull', '-q', image])
})
afterAll(async () => {
  for (const root of Object.values(roots)) await root.teardown()
  await registry.stop()
})

const run = (root: TestRoot, flags: string[], ...command: string[]) =>
  root.ok(['run', '--network', 'none', ...flags, image, ...command])
const driverOf = async (root: TestRoot, name: string) =>
  (JSON.parse(await root.ok(['inspect', name])) as [{ Driver: string }])[0].Driver

test('info says which driver makes the roots, and why', async () => {
  const infoOf = async (root: TestRoot) => JSON.parse(await root.ok(['info', '--format', 'json'])) as object
  expect(await infoOf(roots.overlay)).toMatchObject({
    Driver: 'overlay',
    DriverStatus: [
      ['Backing Filesystem', expect.stringMatching(/^\w+$/)],
      ['Chosen', 'a trial mount of overlay works'],
    ],
  })
  expect(await infoOf(roots.copy)).toMatchObject({
    Driver: 'copy',
    DriverStatus: [expect.anything(), ['Chosen', '--storage-driver or GLASSPOD_STORAGE_DRIVER asked for it']],
  })
})

/** `info` and the mounts of a container, where the root directory is on an overlay and the `covered` files are nothing. */
const onOverlay = async (covered: readonly string[], layers = [BASE.slice(0, APPLETS.length + 1)]) => {
  const outside = makeRoot()
  const plain = await startFaultyRegistry(await makeSmallImage(layers, false))
  const [dir, image] = [`${outside.dir}/there`, `${plain.host}/x`]
  const { uid, gid } = statSync(outside.dir)
  for (const name of ['lower', 'upper', 'work', 'there']) {
    mkdirSync(`${outside.dir}/${name}`, { mode: 0o700 })
    chownSync(`${outside.dir}/${name}`, uid, gid)
  }
  const script = `
    glasspod() { "$node" "$bin" --root "$dir" "$@"; }
    trap 'glasspod system reset --force >&2' EXIT
    glasspod info --format json
    glasspod pull -q "$image" >&2
    glasspod run --rm --network none "$image" cat /proc/self/mountinfo`
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env
  const env = { ...environment, node: process.execPath, bin: BIN, dir, image }
  const [program = '', ...words] = [...planOnOverlay(outside.dir, covered), 'sh', '-euc', script]
  try {
    const { stdout, stderr } = await execa(program, words, { env, extendEnv: false, reject: false })
    const end = stdout.indexOf('\n}') + 2
    const { Driver: driver, DriverStatus: status } = JSON.parse(stdout.slice(0, end)) as Info
    return { driver, status: status.join('\n'), mounts: stdout.slice(end), stderr }
  } finally {
    rmSync(outside.dir, { recursive: true })
    await plain.stop()
  }
}

interface Info {
  Driver: string
  DriverStatus: string[][]
}

test.skipIf(!hasUsableFuse())(
  'where no overlay can be mounted fuse-overlayfs is asked, and info says why [needs a usable /dev/fuse]',
  async () => {
    const { driver, status, mounts } = await onOverlay([])
    expect(driver).toBe('fuse-overlayfs')
    expect(status).toMatch(
      /Backing Filesystem,overlay\nChosen,a trial mount of overlay does not work: .*; a trial mount of fuse-overlayfs works$/,
    )
    expect(mounts).toMatch(/ \/ \/ rw,relatime - fuse\.fuse-overlayfs /)
  },
)

test('where that does not work either each container gets a copy, and info says why', async () => {
  const { driver, status, mounts } = await onOverlay(['/dev/fuse'])
  expect(driver).toBe('copy')
  expect(status).toMatch(
    /Backing Filesystem,overlay\nChosen,a trial mount of overlay does not work: .*; a trial mount of fuse-overlayfs does not work: /,
  )
  expect(mounts).toMatch(/\/containers\/[0-9a-f]+\/upper \/ /)
})

test('a layer that deletes cannot be kept there, and the error says why and where it can', async () => {
  const { mounts, stderr } = await onOverlay([], [BASE.slice(0, APPLETS.length + 1), [file('.wh.bin', '')]])
  expect(mounts.trim()).toBe('')
  expect(stderr).toMatch(/^error: mknodat .*: EPERM \(operation not permitted\) {3}\[layer\.whiteout\]/m)
  expect(stderr).toContain('a file that a layer deletes is kept as a device 0/0')
  expect(stderr).toMatch(/ found {2}on overlay at /)
  expect(stderr).toMatch(/ try {4}.*GLASSPOD_ROOT=DIR/)
})

test('a copy is the tree that overlay shows: owners, modes, times, links, deletions', async () => {
  const [shown, copied] = await Promise.all(Object.values(roots).map((root) => run(root, ['--rm'], 'sh', '-c', LIST)))
  expect(copied).toContain('etc/set regular file 4755 33:33 1234567 1')
  expect(copied).toContain('kept/deep directory 755 0:0 7777')
  expect(copied).toContain('twins/two regular file 644 0:0 0 2')
  // overlay counts the name that its layer above has replaced
  expect(copied).toBe(shown?.replace('pair/two regular file 644 0:0 0 2', 'pair/two regular file 644 0:0 0 1'))
})

describe('copy', () => {
  const root = roots.copy

  test('the container’s root is a directory of the host’s filesystem, overlay is mounted nowhere', async () => {
    const before = await root.residue()
    await run(root, ['-d', '--name', 'c'], 'sleep', '1000')
    const inspected = await root.inspect('c')
    const mounts = readFileSync(`/proc/${inspected.State.Pid}/mountinfo`, 'utf8')
    const rootLine = mounts.split('\n').find((line) => line.split(' ')[4] === '/') ?? ''
    expect(rootLine.split(' ')[3]).toMatch(new RegExp(`/containers/${inspected.Id}/upper$`))
    expect(mounts).not.toContain(' - overlay ')
    expect(await driverOf(root, 'c')).toBe('copy')
    await root.ok(['rm', '-f', 'c'])
    await expectNoResidue(root.dir, before)
  })

  test('what one writes no other sees, and the image neither; a start finds it again', async () => {
    const script = 'cat /kept/deep/b; echo changed >/kept/deep/b; echo too >>/pair/two; rm -r /opaque'
    expect(await run(root, ['--name', 'first'], 'sh', '-c', script)).toBe('kept/deep/b')
    expect(await run(root, ['--rm'], 'cat', '/kept/deep/b', '/pair/two', '/opaque/above')).toBe(
      'kept/deep/bbothopaque/above',
    )
    const again = await root.glasspod(['start', '-a', 'first'])
    expect(again.stdout.split('\n').slice(-1)).toEqual(['changed'])
    await root.ok(['rm', 'first'])
  })

  test('users are those of the copy, also when a lower layer has others', async () => {
    const script = 'trap "exit 0" TERM; echo "www:x:77:77::/:/bin/sh" >/etc/passwd; while :; do sleep 0.1; done'
    await run(root, ['-d', '--name', 'users'], 'sh', '-c', script)
    await until('it has written', async () => (await root.ok(['exec', 'users', 'cat', '/etc/passwd'])).includes(':77:'))
    expect(await root.ok(['exec', '--user', 'www', 'users', 'id', '-u'])).toBe('77')
    await root.ok(['exec', 'users', 'rm', '/etc/passwd'])
    expect((await root.glasspod(['exec', '--user', 'www', 'users', 'id', '-u'])).exitCode).not.toBe(0)
    await root.ok(['rm', '-f', 'users'])
  })

  test('of two with the same name at once one is made', async () => {
    const make = () => root.glasspod(['create', '--name', 'twin', '--network', 'none', image, 'true'])
    const made = await Promise.all([make(), make()])
    expect(made.map(({ exitCode }) => exitCode).sort()).toEqual([0, 125])
    expect(made.map(({ stderr }) => stderr).join('')).toContain("the container name 'twin' is in use")
    await root.ok(['rm', 'twin'])
    expect(await root.ok(['ps', '-aq', '--filter', 'name=twin'])).toBe('')
  })

  test('--read-only and a volume', async () => {
    const readonly = await root.glasspod(['run', '--rm', '--network', 'none', '--read-only', image, 'touch', '/etc/x'])
    expect(readonly.stderr).toMatch(/read-only/i)
    const flags = ['--rm', '--read-only', '--tmpfs', '/run']
    expect(await run(root, flags, 'sh', '-c', 'echo 1 >/run/x; cat /run/x')).toBe('1')
  })

  test('a container lives through the end of its agent, and the next one ends it', async () => {
    await run(root, ['-d', '--name', 'lives'], 'sleep', '1000')
    process.kill(await readAgentPid(root), 'SIGKILL')
    expect((await root.inspect('lives')).State.Running).toBe(true)
    await run(root, ['--name', 'next'], 'ls', '/')
    expect(await driverOf(root, 'next')).toBe('copy')
    await root.ok(['rm', '-f', 'lives', 'next'])
  })

  test('explain shows the copy as a step; a script is refused', async () => {
    const explained = await root.ok(['explain', 'run', '--network', 'none', image, 'ls'])
    expect(explained).toMatch(/container\.copy.*cp\(1\)/)
    expect(explained).toContain('rootfs.copy')
    expect(explained).not.toContain('rootfs.overlay')
    const { exitCode, stderr } = await root.glasspod(['run', '--dry-run=sh', '--network', 'none', image, 'ls'])
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: expect.stringContaining('storage driver here is copy') as string,
    })
  })
})

describe('a driver that is asked for', () => {
  test('and that the agent does not run with is refused, and nothing is made', async () => {
    await roots.overlay.ok(['agent', 'start'])
    const before = await roots.overlay.residue()
    const { exitCode, stderr } = await roots.overlay.glasspod([...asked, 'run', '--network', 'none', image, 'ls'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/runs with the storage driver overlay, not with copy {3}\[storage\.driver\]/)
    expect(stderr).toContain('glasspod agent stop')
    await expectNoResidue(roots.overlay.dir, before)
  })

  test('and that is none is refused before an agent starts', async () => {
    const root = makeRoot()
    const { exitCode, stderr } = await root.glasspod(['info'], { env: { GLASSPOD_STORAGE_DRIVER: 'zfs' } })
    expect({ exitCode, started: existsSync(`${root.dir}/run`) }).toEqual({ exitCode: 125, started: false })
    expect(stderr).toContain('there is no storage driver "zfs"')
    rmSync(root.dir, { recursive: true })
  })

  test('is that of new containers: one that is there keeps its own', async () => {
    const root = roots.overlay
    await run(root, ['--name', 'old'], 'touch', '/mine')
    await root.ok(['agent', 'stop'])
    await root.ok([...asked, 'run', '--name', 'new', '--network', 'none', image, 'ls', '/'])
    expect([await driverOf(root, 'old'), await driverOf(root, 'new')]).toEqual(['overlay', 'copy'])
    expect((await root.glasspod(['start', '-a', 'old'])).exitCode).toBe(0)
    await root.ok(['rm', 'old', 'new'])
  })
})
