/** Promise: pull and push know the transports of skopeo and podman, and what those write and read is the same image. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ExplainedStep } from '../../runtime/see/explain.ts'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const has = (program: string): boolean => ['/usr/bin', '/bin'].some((path) => existsSync(`${path}/${program}`))

interface Inspected {
  Id: string
  Digest: string
  RepoTags: string[] | null
  RootFS: { Layers: string[] }
}
interface Index {
  manifests: { digest: string; annotations?: Record<string, string> }[]
}
const NAME = 'org.opencontainers.image.ref.name'

describe('transports', () => {
  let root: TestRoot
  let directory: string
  let image: Inspected
  const at = (name: string) => `${directory}/${name}`
  const look = async (name: string) => (JSON.parse(await root.ok(['image', 'inspect', name])) as [Inspected])[0]
  const clear = () => root.ok(['image', 'prune', '-a', '-f'])
  const namesIn = (layout: string) =>
    (JSON.parse(readFileSync(`${layout}/index.json`, 'utf8')) as Index).manifests.map(
      ({ annotations }) => annotations?.[NAME],
    )

  beforeAll(() => {
    root = makeRoot()
  })
  beforeEach(async () => {
    // podman makes a name of a layout's path, in lower case
    directory = `/tmp/gp-transports-${process.pid}`
    mkdirSync(directory)
    await root.seedImage()
    image = await look(root.image)
    return () => rmSync(directory, { recursive: true, force: true })
  })
  afterAll(() => root.teardown())

  test.each(['dir:', 'oci:', 'oci-archive:', 'docker-archive:'])(
    '%s out and in again: the same image',
    async (prefix) => {
      const place = `${prefix}${at('there')}`
      const printed = await root.ok(['push', '-q', root.image, place])
      expect(printed).toBe(prefix === 'docker-archive:' ? '' : image.Digest)
      expect(readdirSync(directory)).toEqual(['there'])
      await clear()
      expect(await root.ok(['pull', '-q', place])).toBe(image.Id)
      const back = await look(image.Id)
      expect(back).toMatchObject({ Id: image.Id, RootFS: image.RootFS })
      if (prefix !== 'docker-archive:') expect(back.Digest).toBe(image.Digest)
      const ran = await root.ok(['run', '--rm', '--network', 'none', image.Id, 'cat', '/www/index.html'])
      expect(ran).toContain('It works')
      await clear()
    },
  )

  test.each(['dir:', 'oci:', 'oci-archive:', 'docker-archive:'])(
    'of %s a pull is explained before and as it happens, in the same steps',
    async (prefix) => {
      const place = `${prefix}${at("it's there")}`
      await root.ok(['push', '-q', root.image, place])
      const told = JSON.parse(await root.ok(['explain', '--format', 'json', 'pull', place])) as ExplainedStep[]
      expect(told.map(({ id }) => id)).toEqual([
        'image.archive',
        'image.manifest',
        'image.config',
        'image.layers',
        'image.name',
      ])
      // the command that would fill it does, and has what the next one reads
      const fill = told[0]?.text.replace(/^ARCHIVE=.*\n/, 'ARCHIVE=$(mktemp -d)\n') ?? ''
      const read = `${fill}\n${told[1]?.text} >/dev/null; echo "code $?"; rm -r $ARCHIVE`
      expect(execFileSync('sh', ['-euc', read], { encoding: 'utf8' })).toBe('code 0\n')
      const { exitCode, stdout, stderr } = await root.glasspod(['pull', '--explain', '--format', 'json', place])
      expect([exitCode, stdout]).toEqual([0, image.Id])
      const made = stderr
        .split('\n')
        .flatMap((line) =>
          /^{.*"steps":/.exec(line) === null ? [] : (JSON.parse(line) as { steps: ExplainedStep[] }).steps,
        )
      expect(made.map(({ id }) => id)).toEqual(told.map(({ id }) => id))
      const files = made.flatMap(({ text }) => text.match(/\$ARCHIVE\/\S+/g) ?? [])
      expect(files.length).toBeGreaterThan(2)
      expect(files.filter((name) => name.includes('sha256:'))).toEqual([])
    },
  )

  test('explain pull of a docker daemon asks none', async () => {
    const told = await root.ok(['explain', 'pull', 'docker-daemon:busybox:1'])
    expect(told).toContain('docker save busybox:1 | tar -x -C $ARCHIVE')
  })

  test('how far it has come is told, unless nobody wants to know', async () => {
    const pushed = await root.glasspod(['push', root.image, `oci-archive:${at('a.tar')}`])
    expect(pushed).toEqual({ exitCode: 0, stdout: image.Digest, stderr: 'archive: Writing\narchive: Written' })
    const { exitCode, stderr } = await root.glasspod(['pull', `oci-archive:${at('a.tar')}`])
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^archive: Receiving\narchive: Received\n/)])
    expect((await root.glasspod(['pull', '-q', `oci-archive:${at('a.tar')}`])).stderr).toBe('')
    expect((await root.glasspod(['push', '-q', root.image, `dir:${at('d')}`])).stderr).toBe('')
  })

  test('a name in there: written, found again, and missed', async () => {
    const names: Record<string, [text: string, here: string]> = {
      'oci:': ['team/app:2', 'localhost/team/app:2'],
      'oci-archive:': ['team/app:2', 'localhost/team/app:2'],
      'docker-archive:': ['team/app:2', 'docker.io/team/app:2'],
    }
    for (const [prefix, [text, here]] of Object.entries(names)) {
      const place = `${prefix}${at(prefix.slice(0, -1))}:${text}`
      await root.ok(['push', '-q', root.image, place])
      await root.ok(['pull', '-q', place])
      expect((await look(here)).Id).toBe(image.Id)
      await root.ok(['rmi', here])
      const { exitCode, stderr } = await root.glasspod(['pull', `${prefix}${at(prefix.slice(0, -1))}:other:1`])
      expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/has no image other:1[^]*found.*team\/app:2/)])
      expect(await root.ok(['pull', '-q', `${prefix}${at(prefix.slice(0, -1))}:@0`])).toBe(image.Id)
    }
  })

  test('a layout takes further images beside those that it has, one a name; of several one is named', async () => {
    const layout = at('layout')
    await root.ok(['from-dir', '-q', '--cmd', 'x', '-t', 'other:1', mkTree()])
    const other = await look('other:1')
    for (const [name, place] of [
      [root.image, `oci:${layout}:1`],
      [root.image, `oci:${layout}`],
      [root.image, `oci:${layout}`],
      ['other:1', `oci:${layout}:2`],
    ] as const)
      await root.ok(['push', '-q', name, place])
    expect(namesIn(layout)).toEqual(['1', undefined, '2'])
    expect(await root.ok(['pull', '-q', `oci:${layout}:2`])).toBe(other.Id)
    const { exitCode, stderr } = await root.glasspod(['pull', `oci:${layout}`])
    expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/several images are there[^]*found *1, 2$/m)])
    await root.ok(['push', '-q', 'other:1', `oci:${layout}:1`])
    expect(namesIn(layout)).toEqual([undefined, '2', '1'])
    expect(await root.ok(['pull', '-q', `oci:${layout}:1`])).toBe(other.Id)
    // What another image needs is not read: the layout may be large.
    for (const digest of blobsOf(image)) rmSync(`${layout}/blobs/sha256/${digest}`)
    expect(await root.ok(['pull', '-q', `oci:${layout}:2`])).toBe(other.Id)
    await clear()
    const refused = await root.glasspod(['pull', `oci:${layout}:@0`])
    expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining('is not in it')])
  })

  const mkTree = (): string => {
    mkdirSync(at('tree'))
    writeFileSync(at('tree/x'), 'x')
    return at('tree')
  }
  /** Its manifest stays. */
  const blobsOf = ({ Digest }: Inspected): string[] => {
    const manifest = readFileSync(`${root.dir}/images/blobs/${Digest.replace(':', '/')}`, 'utf8')
    const { config, layers } = JSON.parse(manifest) as { config: { digest: string }; layers: { digest: string }[] }
    return [config, ...layers].map(({ digest }) => digest.replace('sha256:', ''))
  }

  test('save has the forms of podman for directories', async () => {
    await root.ok(['save', '--format', 'oci-dir', '-o', at('layout'), root.image])
    await root.ok(['save', '--format', 'docker-dir', '-o', at('dir'), root.image])
    expect(namesIn(at('layout'))).toEqual([root.image])
    expect(readdirSync(at('dir'))).toEqual(expect.arrayContaining(['manifest.json', 'version']))
    expect(await root.ok(['pull', '-q', `dir:${at('dir')}`, `oci:${at('layout')}`])).toBe(`${image.Id}\n${image.Id}`)
    expect((await root.glasspod(['save', '--format', 'oci-dir', root.image])).stderr).toContain('none is named')
  })

  test('what cannot be written or read is said, and what was there stays as it was', async () => {
    mkdirSync(at('full'))
    writeFileSync(at('full/x'), 'x')
    writeFileSync(at('file'), 'x')
    for (const [args, words] of [
      [['push', root.image, `dir:${at('full')}`], 'full is not empty, and no image is in it'],
      [['push', root.image, `oci:${at('full')}`], 'full is not empty, and no OCI layout'],
      [['push', root.image, `oci:${at('file')}`], 'file: ENOTDIR'],
      [['push', root.image, `oci-archive:${at('full')}`], 'full is a directory|EISDIR'],
      [['push', root.image, `docker-archive:${at('file')}`], 'is there already'],
      [['push', '--creds', 'me:secret', root.image, `oci:${at('new')}`], '--creds is for a registry, not for oci:'],
      [['pull', '--authfile', at('file'), `dir:${at('full')}`], '--authfile is for a registry, not for dir:'],
      [['pull', '--tls-verify=false', `dir:${at('full')}`], '--tls-verify is for a registry, not for dir:'],
      [['push', root.image, `oci:${at('no/where')}`], "cannot create directory|can't create directory"],
      [['push', 'nothing:here', `dir:${at('new')}`], 'no such image: nothing:here'],
      [['push', 'nothing:here', `oci:${at('new')}`], 'no such image: nothing:here'],
      [['push', root.image, 'oci:'], 'the path is missing'],
      [['push', root.image, `docker-archive:${at('new')}:a@sha256:${'a'.repeat(64)}`], 'no name in a docker-archive'],
      [['pull', `oci:${at('full')}`], 'full has no image'],
      [['pull', `dir:${at('full')}`], 'full has no image'],
      [['pull', `oci:${at('nothing')}`], 'nothing: ENOENT'],
      [['pull', `oci-archive:${at('nothing')}`], 'nothing: ENOENT'],
      [['pull', `docker-archive:${at('full')}`], 'full is a directory'],
      [['pull', `oci-archive:${at('file')}`], 'layer is damaged|archive is'],
      [['pull', '--explain', `oci:${at('full')}`], 'full has no image'],
      [['explain', 'pull', 'oci:'], 'the path is missing'],
    ] as const) {
      const { exitCode, stderr } = await root.glasspod(args)
      expect([args, exitCode, stderr]).toEqual([args, 125, expect.stringMatching(words)])
      expect(stderr).not.toContain('internal:')
    }
    expect(readdirSync(directory).sort()).toEqual(['file', 'full'])
    expect([readdirSync(at('full')), readFileSync(at('file'), 'utf8')]).toEqual([['x'], 'x'])
    expect(readdirSync(`${root.dir}/images`).filter((name) => name.includes('.tmp'))).toEqual([])
  })

  test('a push into a directory that is killed leaves what was there', async () => {
    mkdirSync(at('tree'))
    writeFileSync(at('tree/zeros'), Buffer.alloc(64 * 1024 * 1024))
    await root.ok(['from-dir', '-q', '-t', 'large:1', at('tree')])
    await root.ok(['push', '-q', root.image, `dir:${at('dir')}`])
    const before = readdirSync(at('dir')).sort()
    for (const [place, expected] of [
      ['dir', before],
      ['new', undefined],
    ] as const) {
      const command = root.spawn(['push', 'large:1', `dir:${at(place)}`])
      const listed = (): string[] | undefined => (existsSync(at(place)) ? readdirSync(at(place)).sort() : undefined)
      await until('the directory that is filled', () => listed()?.some((name) => name.startsWith('.glasspod-')))
      command.kill('SIGKILL')
      await command
      await until(`what was there, and not ${String(listed())}`, () => String(listed()) === String(expected))
    }
    await root.ok(['rmi', 'large:1'])
  })

  test.runIf(has('skopeo'))('skopeo reads each, and what it writes is pulled', async () => {
    for (const prefix of ['dir:', 'oci:', 'oci-archive:', 'docker-archive:']) {
      const name = prefix === 'dir:' ? '' : `:localhost/by/skopeo:${prefix.slice(0, -1)}`
      const ours = `${prefix}${at(`ours-${prefix.slice(0, -1)}`)}${name}`
      const theirs = `${prefix}${at(`theirs-${prefix.slice(0, -1)}`)}${name}`
      await root.ok(['push', '-q', root.image, ours])
      const { stdout } = await execa('skopeo', ['inspect', '--config', '--raw', ours])
      expect((JSON.parse(stdout) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids).toEqual(image.RootFS.Layers)
      await execa('skopeo', ['copy', '-q', ours, theirs])
      const id = await root.ok(['pull', '-q', theirs])
      expect((await look(id)).RootFS.Layers).toEqual(image.RootFS.Layers)
    }
    // Both write into the other's layout.
    await execa('skopeo', ['copy', '-q', `dir:${at('ours-dir')}`, `oci:${at('ours-oci')}:added`])
    await root.ok(['push', '-q', root.image, `oci:${at('theirs-oci')}:added`])
    for (const layout of ['ours-oci', 'theirs-oci'])
      for (const name of ['added', 'localhost/by/skopeo:oci'])
        await execa('skopeo', ['inspect', '--raw', `oci:${at(layout)}:${name}`])
  })

  const isRoot = process.getuid?.() === 0
  test.runIf(has('podman') && isRoot)('podman pulls each, and what it pushes is pulled [needs root]', async () => {
    const storage = ['--root', at('root'), '--runroot', at('run'), '--storage-driver', 'vfs']
    const podman = (...args: string[]) => execFileSync('podman', [...storage, ...args], { encoding: 'utf8' }).trim()
    for (const prefix of ['dir:', 'oci:', 'oci-archive:', 'docker-archive:']) {
      const name = prefix === 'dir:' ? '' : ':localhost/for/podman:1'
      const ours = `${prefix}${at(`ours-${prefix.slice(0, -1)}`)}${name}`
      const theirs = `${prefix}${at(`theirs-${prefix.slice(0, -1)}`)}${name}`
      await root.ok(['push', '-q', root.image, ours])
      const id = podman('pull', '-q', ours)
      expect(`sha256:${id}`).toBe(image.Id)
      podman('push', '-q', id, theirs)
      const back = await root.ok(['pull', '-q', theirs])
      expect((await look(back)).RootFS.Layers).toEqual(image.RootFS.Layers)
    }
    podman('rmi', '-a', '-f')
  })
})
