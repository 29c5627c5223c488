/**
 * Promise: a tree unpacked here is the one that umoci and podman make of the same image, entry by entry: type, mode,
 * owner, size, time to the nanosecond, content, extended attributes, and which names are one file.
 */
import { execa } from 'execa'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { pushLayout, startRegistry, type RunningRegistry } from '../fixtures/registry.ts'
import { buildPackageImage, listPackage, type PackageImage } from '../fixtures/package-image.ts'
import { patiently } from '../fixtures/patience.ts'

const PROGRAM = new URL('../../scripts/apply-layer', import.meta.url).pathname
/** A setuid program, file capabilities, hard links, long names, many symbolic links, names beyond ASCII. */
const PACKAGES = [
  ['passwd', 'posix', 'gzip'],
  ['iputils-ping', 'posix', 'gzip'],
  ['perl', 'gnu', 'gzip'],
  ['perl-base', 'posix', 'gzip'],
  ['tzdata', 'posix', 'gzip'],
  ['ca-certificates', 'gnu', 'zstd'],
  ['util-linux', 'posix', 'gzip'],
] as const
const isRoot = process.geteuid?.() === 0
const has = (program: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin'].some((path) => existsSync(join(path, program)))
const isPossible = ['umoci', 'podman', 'getfattr', 'dpkg', 'tar'].every(has)

/** Everything that a tree has, in one order. Run where its owners have the ids of the image. */
const LIST = `
cd "$1"
find . -mindepth 1 ! -type d -printf '%P|%y|%m|%U:%G|%s|%T@|%l|%i\\n'
find . -mindepth 1 -type d -printf '%P|%y|%m|%U:%G||%T@||\\n'
echo ==
find . -type f -print0 | xargs -0 -r sha256sum
echo ==
getfattr --absolute-names -R -h -d -m - -e hex . 2>/dev/null
`
/** The user namespace of the container tools; nothing where root has all ids. */
const NODE = isRoot ? [] : ['unshare', '--map-root-user', '--map-auto', '--']

const execute = async (argv: readonly string[], input?: Uint8Array): Promise<string> => {
  const [program = '', ...args] = argv
  const { stdout } = await execa(program, args, input === undefined ? { stdin: 'ignore' } : { input })
  return stdout
}

/** Inode numbers become the first name of the file; the order is that of names. */
const readListing = (text: string): string[] => {
  const [entries = '', sums = '', xattrs = ''] = text.split('\n==\n')
  const first = new Map<string, string>()
  const lines = entries.split('\n').sort()
  return [
    ...lines.map((line) => {
      const at = line.lastIndexOf('|')
      const inode = line.slice(at + 1)
      if (inode !== '' && !first.has(inode)) first.set(inode, line.slice(0, line.indexOf('|')))
      return `${line.slice(0, at)}|${first.get(inode) ?? ''}`
    }),
    ...sums.split('\n').sort(),
    // overlayfs's and podman's own
    ...xattrs
      .split('\n\n')
      .filter((block) => !/user\.(overlay|containers)\./.test(block))
      .sort(),
  ]
}

/** umoci of Debian 13 leaves some directories the time of the last entry that it put into them. */
const withoutDirectoryTimes = (listing: readonly string[]): string[] =>
  listing.map((line) => line.replace(/^([^|]*\|d\|.*)\|[\d.]+\|\|$/, '$1'))

const list = async (directory: string): Promise<string[]> =>
  readListing(await execute([...NODE, 'sh', '-c', LIST, 'sh', directory]))

describe.runIf(isPossible)('unpacked trees [needs umoci, podman, attr, dpkg]', () => {
  let work: string
  let storage: string[]
  let registry: RunningRegistry
  let root: TestRoot
  beforeAll(async () => {
    // podman takes lower case only
    work = `/tmp/gp-oracle-${randomBytes(4).toString('hex')}`
    mkdirSync(work, { mode: 0o755 })
    storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs']
    registry = await startRegistry()
    root = makeRoot()
  })
  afterAll(async () => {
    await registry.stop()
    await root.teardown()
    await execute([...NODE, 'rm', '-rf', work])
  })

  const asPodman = (...args: string[]): Promise<string> => execute(['podman', ...storage, ...args])

  const applied = async ({ tars }: PackageImage, directory: string): Promise<string[]> => {
    mkdirSync(directory)
    for (const tar of tars) expect(await execute([PROGRAM, directory], tar)).toBe('')
    return list(directory)
  }

  const byUmoci = async (layout: string, bundle: string): Promise<string[]> => {
    await execute([...NODE, 'umoci', 'unpack', '--image', `${layout}:latest`, bundle])
    return list(join(bundle, 'rootfs'))
  }

  const byPodman = async (layout: string): Promise<string[]> => {
    const id = await asPodman('pull', '-q', `oci:${layout}:latest`)
    const script = `d=$(podman ${storage.join(' ')} image mount ${id}); set -- "$d"\n${LIST}`
    return readListing(isRoot ? await execute(['sh', '-c', script]) : await asPodman('unshare', 'sh', '-c', script))
  }

  /** As a container sees it: overlayfs puts the layers together. */
  const inContainer = async (layout: string, name: string): Promise<string[]> => {
    const image = `${registry.host}/${name}:latest`
    await pushLayout(layout, image)
    await root.ok(['pull', '-q', image])
    const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as { Glasspod: { imageStore: string } }
    const layers = join(Glasspod.imageStore, '../layers')
    const image0 = JSON.parse(await root.ok(['inspect', image])) as [{ RootFS: { Layers: string[] } }]
    const lower = image0[0].RootFS.Layers.map((digest) => digest.replace('sha256:', ''))
      .reverse()
      .join(':')
    const script = `cd "$2" && mount -t overlay overlay -o "ro,userxattr,lowerdir=$3" "$4" && set -- "$4"\n${LIST}`
    const mount = join(work, `mount-${name}`)
    mkdirSync(mount)
    // Started by root, the layers have the ids of the user glasspod's namespace: entered with its holder.
    const holder = (JSON.parse(readFileSync(`${root.dir}/run/holder.json`, 'utf8')) as { pid: number }).pid
    const enter = [
      'nsenter',
      '--user',
      '--mount',
      '--target',
      String(holder),
      ...(isRoot ? [] : ['--preserve-credentials']),
    ]
    const argv = [...enter, '--', 'unshare', '--mount', 'sh', '-c', script, 'sh', '-', layers, lower, mount]
    return readListing(await execute(argv))
  }

  test.each(PACKAGES)(
    'of %s are those of umoci and podman',
    { timeout: patiently(180_000) },
    async (name, format, compression) => {
      const paths = listPackage(name)
      if (paths === undefined) throw new Error(`${name} is not installed`)
      const layout = join(work, `layout-${name}`)
      const image = buildPackageImage(paths, layout, { format, compression })
      const ours = await applied(image, join(work, `ours-${name}`))
      expect(ours.length).toBeGreaterThan(10)
      // umoci 0.4 knows no zstd
      if (compression === 'gzip') {
        const theirs = await byUmoci(layout, join(work, `umoci-${name}`))
        expect(withoutDirectoryTimes(theirs)).toEqual(withoutDirectoryTimes(ours))
      }
      expect(await byPodman(layout)).toEqual(ours)
      expect(await inContainer(layout, name)).toEqual(ours)
    },
  )
})
