/** Promise: images leave and come as archives that docker's, podman's and skopeo's own programs read and write. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeRoot, readAgentPid, type TestRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { tarOf } from '../fixtures/tar.ts'

const has = (program: string): boolean => ['/usr/bin', '/bin'].some((path) => existsSync(`${path}/${program}`))

interface Inspected {
  Id: string
  Digest: string
  RootFS: { Layers: string[] }
  Config: { Cmd: string[]; Env: string[]; Labels: Record<string, string>; WorkingDir: string }
}

describe('archives', () => {
  let root: TestRoot
  let directory: string
  let image: Inspected
  const file = (name: string) => `${directory}/${name}`
  const look = async (name: string) => (JSON.parse(await root.ok(['image', 'inspect', name])) as [Inspected])[0]
  const clear = () => root.ok(['image', 'prune', '-a', '-f'])
  /** Leftovers of what came and failed. */
  const incoming = () => readdirSync(`${root.dir}/images`).filter((name) => name.includes('.tmp'))

  beforeAll(() => {
    root = makeRoot()
    directory = mkdtempSync('/tmp/gp-archives-')
  })
  beforeEach(async () => {
    await root.seedImage()
    image = await look(root.image)
  })
  afterAll(async () => {
    await root.teardown()
    rmSync(directory, { recursive: true, force: true })
  })

  test('docker-archive, by file: the same image with its names, and it runs', async () => {
    await root.ok(['tag', root.image, 'team/app:2'])
    await root.ok(['save', '-o', file('docker.tar'), root.image, 'team/app:2'])
    await clear()
    const loaded = await root.ok(['load', '-i', file('docker.tar')])
    expect(loaded).toBe(`Loaded image: ${root.image}\nLoaded image: docker.io/team/app:2`)
    expect((await look('team/app:2')).Id).toBe(image.Id)
    expect((await root.run(['--rm', '--network', 'none'], ['cat', '/www/index.html'])).stdout).toContain('It works')
    await root.ok(['save', '-o', file('again.tar'), root.image, 'team/app:2'])
    expect(readFileSync(file('again.tar')).equals(readFileSync(file('docker.tar')))).toBe(true)
    await clear()
    expect(incoming()).toEqual([])
  })

  test('oci-archive, by standard output and input: the digest stays', async () => {
    await execa('sh', ['-c', '"$0" "$@" > "$OUT"', ...root.command, 'save', '--format', 'oci-archive', root.image], {
      env: { OUT: file('oci.tar') },
    })
    await clear()
    await execa('sh', ['-c', '"$0" "$@" < "$IN"', ...root.command, 'load', '-q'], { env: { IN: file('oci.tar') } })
    expect((await look(root.image)).Digest).toBe(image.Digest)
  })

  test('an archive that is compressed is read as well, and dockerode loads and gets', async () => {
    await root.ok(['save', '-o', file('plain.tar'), root.image])
    await execa('gzip', ['-kf', file('plain.tar')])
    await clear()
    const docker = root.docker()
    await root.ok(['load', '-i', file('plain.tar.gz')])
    const got = await docker.getImage(root.image).get()
    const chunks: Buffer[] = []
    for await (const chunk of got) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).equals(readFileSync(file('plain.tar')))).toBe(true)
    await clear()
    const stream = await docker.loadImage(file('plain.tar'))
    const events = await new Promise<{ stream?: string }[]>((resolve, reject) =>
      docker.modem.followProgress(stream, (error: Error | null, output: object[]) =>
        error === null ? resolve(output) : reject(error),
      ),
    )
    expect(events.map((event) => event.stream)).toContain(`Loaded image: ${root.image}\n`)
  })

  test.runIf(has('skopeo'))('skopeo reads both forms, and what it writes is loaded', async () => {
    for (const form of ['docker-archive', 'oci-archive']) {
      await root.ok(['save', '--format', form, '-o', file(`${form}.tar`), root.image])
      const { stdout } = await execa('skopeo', ['inspect', '--config', '--raw', `${form}:${file(`${form}.tar`)}`])
      expect((JSON.parse(stdout) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids).toEqual(image.RootFS.Layers)
      const target = `${form}:${file(`skopeo-${form}.tar`)}:localhost/by/skopeo:${form}`
      await execa('skopeo', ['copy', '-q', `${form}:${file(`${form}.tar`)}`, target])
      await root.ok(['load', '-i', file(`skopeo-${form}.tar`)])
      expect((await look(`localhost/by/skopeo:${form}`)).RootFS.Layers).toEqual(image.RootFS.Layers)
    }
  })

  const isRoot = process.getuid?.() === 0
  test.runIf(has('podman') && isRoot)('podman loads it, and what it saves is loaded [needs root]', async () => {
    await root.ok(['save', '-o', file('for-podman.tar'), root.image])
    const storage = ['--root', file('root'), '--runroot', file('run'), '--storage-driver', 'vfs']
    const { stdout } = await execa('podman', [...storage, 'load', '-i', file('for-podman.tar')])
    expect(stdout).toContain(root.image)
    await execa('podman', [...storage, 'save', '-o', file('by-podman.tar'), root.image])
    await clear()
    await root.ok(['load', '-i', file('by-podman.tar')])
    expect((await look(root.image)).RootFS.Layers).toEqual(image.RootFS.Layers)
    await execa('podman', [...storage, 'rmi', '-a', '-f'])
  })

  test('import makes an image of a tar, with changes, which runs', async () => {
    const busybox = readFileSync('/bin/busybox')
    const tar = await tarOf([
      { name: 'bin', type: 'directory' },
      { name: 'bin/busybox', content: busybox, mode: 0o755 },
      { name: 'data/x', content: 'imported' },
    ])
    writeFileSync(file('root.tar'), tar)
    const changes = ['CMD ["/bin/busybox", "cat", "x"]', 'WORKDIR /data', 'ENV A=1 B="two words"', 'LABEL tier=base']
    const flags = changes.flatMap((change) => ['-c', change])
    const id = await root.ok(['import', '-q', '-m', 'by hand', ...flags, file('root.tar'), 'made:1'])
    const made = await look('made:1')
    expect(made.Id).toBe(id)
    expect(made.Config).toMatchObject({ Env: ['A=1', 'B=two words'], Labels: { tier: 'base' }, WorkingDir: '/data' })
    expect(await root.ok(['run', '--rm', '--network', 'none', 'made:1'])).toBe('imported')
    expect(await root.ok(['history', 'made:1'])).toContain('by hand')
    const refused = await root.glasspod(['import', '-c', 'RUN make', file('root.tar'), 'made:2'])
    expect(refused.exitCode).toBe(125)
    expect(refused.stderr).toContain('RUN is not known here')
    expect((await root.glasspod(['import', 'https://example.com/x.tar'])).stderr).toContain('curl -fsSL')
  })

  test.each([
    ['no archive', Buffer.from('x'.repeat(2000)), /the layer is damaged|the archive is/],
    ['an empty one', Buffer.alloc(1024), /the archive is not one of images/],
    ['nothing', Buffer.alloc(0), /the layer is damaged|the archive is not one of images/],
  ])('of %s nothing is left', async (_, bytes, words) => {
    writeFileSync(file('bad.tar'), bytes)
    const blobs = readdirSync(`${root.dir}/images/blobs/sha256`)
    const { exitCode, stderr } = await root.glasspod(['load', '-i', file('bad.tar')])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(words)
    expect(incoming()).toEqual([])
    expect(readdirSync(`${root.dir}/images/blobs/sha256`)).toEqual(blobs)
  })

  test('what is missing in an archive, or leads out of it, is named', async () => {
    const list = (Layers: string[]) => JSON.stringify([{ Config: 'c.json', RepoTags: ['x:1'], Layers }])
    const config = JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: ['sha256:' + 'a'.repeat(64)] },
    })
    for (const [items, words] of [
      [[{ name: 'manifest.json', content: list(['l.tar']) }], 'c.json is not in it'],
      [
        [
          { name: 'manifest.json', content: list([]) },
          { name: 'c.json', content: config },
        ],
        'names 1 layers',
      ],
      [
        [
          { name: 'manifest.json', content: list(['l.tar']) },
          { name: 'c.json', content: config },
        ],
        'l.tar is not in it',
      ],
      [[{ name: 'l', type: 'symlink', linkname: '../../etc/passwd' }], 'leads out of it'],
      [[{ name: 'p', type: 'fifo' }], 'is a fifo'],
    ] as const) {
      writeFileSync(file('bad.tar'), await tarOf(items))
      const { exitCode, stderr } = await root.glasspod(['load', '-i', file('bad.tar')])
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining(words)])
      expect(incoming()).toEqual([])
    }
  })

  test('a long one is sent as it is read, without a word on standard error', async () => {
    const tar = await tarOf([{ name: 'zeros', content: Buffer.alloc(64 * 1024 * 1024) }])
    writeFileSync(file('long.tar'), tar)
    const { exitCode, stderr } = await root.glasspod(['import', '-q', file('long.tar'), 'long:1'])
    expect([exitCode, stderr]).toEqual([0, ''])
    await root.ok(['rmi', 'long:1'])
    // A refusal is heard in the middle of the sending, each time.
    for (let at = 0; at < 5; at++) {
      const refused = await root.glasspod(['import', '-c', 'RUN make', file('long.tar')])
      expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining('RUN is not known here')])
    }
  })

  test('of a load whose agent is killed in the midst of it nothing is left', async () => {
    await root.ok(['save', '-o', file('whole.tar'), root.image])
    await clear()
    const blobs = () => readdirSync(`${root.dir}/images/blobs/sha256`)
    const before = blobs()
    const pid = await readAgentPid(root)
    const command = root.spawn(['load'], 'pipe')
    const whole = readFileSync(file('whole.tar'))
    command.stdin?.write(whole.subarray(0, whole.length / 2))
    await until('what came lies there', () => incoming().length > 0)
    process.kill(pid, 'SIGKILL')
    const { exitCode, stderr } = await command
    expect([exitCode, stderr]).toEqual([125, expect.stringContaining('the agent closed the connection')])
    expect(await root.ok(['images', '-q'])).toBe('')
    expect([incoming(), blobs()]).toEqual([[], before])
    await root.ok(['load', '-i', file('whole.tar')])
    expect((await look(root.image)).Id).toBe(image.Id)
  })

  test('a file that is not there, and an image that is not: no file is made of it', async () => {
    expect((await root.glasspod(['load', '-i', file('nothing')])).stderr).toContain('nothing: ENOENT')
    const { exitCode } = await root.glasspod(['save', '-o', file('unmade.tar'), 'nothing:here'])
    expect(exitCode).toBe(125)
    expect(existsSync(file('unmade.tar')) && statSync(file('unmade.tar')).size > 0).toBe(false)
  })
})
