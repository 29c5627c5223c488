/** Promise: a container's root leaves as a tar, and a directory comes in as an image; of what breaks off nothing stays. */
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { statSync, symlinkSync, writeFileSync, copyFileSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

/** The lines of tar -tv, of these names. */
const list = async (tar: string, ...names: string[]): Promise<string[]> => {
  const { stdout } = await execa('tar', ['-tv', '--numeric-owner', '--no-recursion', '-f', tar, ...names])
  return stdout.split('\n').map((line) => line.replace(/ +/g, ' ').replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '))
}

describe('export and from-dir', () => {
  let root: TestRoot
  let directory: string
  const file = (name: string) => `${directory}/${name}`
  const make = (name: string, script: string, flags: string[] = []) =>
    root.ok(['run', '--name', name, '--network', 'none', ...flags, root.image, 'sh', '-c', script])
  beforeAll(async () => {
    root = makeRoot()
    directory = mkdtempSync('/tmp/gp-export-')
    await root.seedImage()
  })
  afterAll(async () => {
    await root.teardown()
    rmSync(directory, { recursive: true, force: true })
  })

  test('the tar has what the container has made, and not what it has deleted or mounted', async () => {
    const script = `rm /www/index.html; mkdir /new; echo told > /new/f; ln /new/f /new/hard; ln -s ../new /new/soft
      chown 7:8 /new/f; chmod 4750 /new/f; echo volume > /data/f; rm -rf /bin/ls; mkfifo /new/pipe`
    await make('changed', script, ['-v', `${mkVolume()}:/data`])
    await root.ok(['export', '-o', file('root.tar'), 'changed'])
    expect(await list(file('root.tar'), 'new/f', 'new/hard', 'new/soft', 'new/pipe', 'data/', 'etc/hosts')).toEqual([
      'drwxr-xr-x 0/0 0 data/',
      expect.stringMatching(/^-rw-r--r-- 0\/0 0 etc\/hosts$/),
      '-rwsr-x--- 7/8 5 new/f',
      'hrwsr-x--- 7/8 0 new/hard link to new/f',
      expect.stringMatching(/^prw-r--r-- 0\/0 0 new\/pipe$/),
      'lrwxrwxrwx 0/0 0 new/soft -> ../new',
    ])
    const { stdout: names } = await execa('tar', ['-tf', file('root.tar')])
    expect(names.split('\n')).not.toContain('www/index.html')
    expect(names).not.toMatch(/^data\/f|^proc\/./m)
    // whole: an image is made of it, which runs
    await root.ok(['import', '-q', '-c', 'CMD ["cat", "/new/f"]', file('root.tar'), 'exported:1'])
    expect(await root.ok(['run', '--rm', '--network', 'none', 'exported:1'])).toBe('told')
  })

  /** Its directory is the container's to write: of the user that it runs as. */
  const mkVolume = (): string => {
    mkdirSync(file('volume'))
    chmodSync(file('volume'), 0o777)
    chmodSync(directory, 0o755)
    return file('volume')
  }

  test('of one that runs, by dockerode and by standard output, the same bytes twice; it goes on writing', async () => {
    await make('running', 'echo before > /f; exec sleep 1000', ['-d'])
    const script = '"$0" "$@" > "$OUT"'
    for (const name of ['one.tar', 'two.tar'])
      await execa('sh', ['-c', script, ...root.command, 'export', 'running'], { env: { OUT: file(name) } })
    expect(readFileSync(file('one.tar')).equals(readFileSync(file('two.tar')))).toBe(true)
    const chunks: Buffer[] = []
    for await (const chunk of await root.docker().getContainer('running').export()) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).equals(readFileSync(file('one.tar')))).toBe(true)
    await root.ok(['exec', 'running', 'sh', '-c', 'echo after > /f'])
    await root.ok(['export', '-o', file('three.tar'), 'running'])
    const { stdout } = await execa('tar', ['-xOf', file('three.tar'), 'f'])
    expect(stdout).toBe('after')
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${root.dir}/discarded`)
    // it goes when the last byte was sent, which we have then
    const scratch = () => readdirSync(`${root.dir}/discarded`).filter((name) => name.startsWith('export-'))
    await until(`nothing of it is left, and not ${String(scratch())}`, () => scratch().length === 0)
    await root.ok(['rm', '-f', 'running'])
  })

  test('with the storage driver copy it is the same', async () => {
    await root.ok(['agent', 'stop'])
    const env = { GLASSPOD_STORAGE_DRIVER: 'copy' }
    await root.ok(['create', '--name', 'copied', root.image, 'true'], { env })
    await root.ok(['export', '-o', file('copied.tar'), 'copied'], { env })
    await root.ok(['agent', 'stop'])
    await root.ok(['create', '--name', 'mounted', root.image, 'true'])
    await root.ok(['export', '-o', file('mounted.tar'), 'mounted'])
    expect(await list(file('copied.tar'))).toEqual(await list(file('mounted.tar')))
    await root.ok(['rm', 'copied', 'mounted'])
  })

  test('what fails leaves no file, and the one that was there as it was; so does a command that is killed', async () => {
    for (const args of [
      ['export', 'nobody'],
      ['save', 'nothing:here'],
    ]) {
      const [verb = '', what = ''] = args
      writeFileSync(file('kept.tar'), 'kept')
      for (const name of ['none.tar', 'kept.tar']) {
        const { exitCode, stderr } = await root.glasspod([verb, '-o', file(name), what])
        expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/no such (container|image)/)])
      }
      expect(existsSync(file('none.tar'))).toBe(false)
      expect(readFileSync(file('kept.tar'), 'utf8')).toBe('kept')
    }
    await make('large', 'dd if=/dev/zero of=/zeros bs=1M count=128 2>/dev/null')
    const command = root.spawn(['export', '-o', file('kept.tar'), 'large'])
    const beside = () => readdirSync(directory).filter((name) => name.startsWith('.kept.tar'))
    await until('the file that is being written', () => beside().length > 0)
    command.kill('SIGKILL')
    await command
    await until('it is gone', () => beside().length === 0)
    expect(readFileSync(file('kept.tar'), 'utf8')).toBe('kept')
    expect((await root.glasspod(['export', '-o', directory, 'large'])).stderr).toContain('EISDIR')
    expect((await root.glasspod(['export', '-o', '/dev/null', 'large'])).exitCode).toBe(0)
  })

  /** With a program, a link, a hard link, odd names and modes. */
  const makeTree = (): string => {
    const tree = file('tree')
    mkdirSync(`${tree}/bin`, { recursive: true })
    mkdirSync(`${tree}/data`)
    copyFileSync('/bin/busybox', `${tree}/bin/busybox`)
    chmodSync(`${tree}/bin/busybox`, 0o755)
    symlinkSync('busybox', `${tree}/bin/sh`)
    writeFileSync(`${tree}/data/two words`, 'found\n', { mode: 0o600 })
    linkSync(`${tree}/data/two words`, `${tree}/data/again`)
    return tree
  }

  test('from-dir makes an image of a directory, whose files are root’s, and it runs', async () => {
    const tree = makeTree()
    const words = 'cat "/data/two words"; busybox stat -c "%u:%g %a %h" /data/again; echo "$A|$B"; pwd'
    const flags = ['--entrypoint', '["/bin/sh","-c"]', '--cmd', `'${words}'`, '-w', '/data', '-l', 'tier=base one']
    const id = await root.ok(['from-dir', '-q', tree, ...flags, '-e', 'A=a "quoted" \\', '-e', 'B', '-t', 'made:1'], {
      env: { B: 'passed on' },
    })
    const [made] = JSON.parse(await root.ok(['image', 'inspect', 'made:1'])) as { Id: string; Config: object }[]
    expect(made).toMatchObject({
      Id: id,
      Config: { Entrypoint: ['/bin/sh', '-c'], Cmd: [words], Labels: { tier: 'base one' }, WorkingDir: '/data' },
    })
    const ran = await root.ok(['run', '--rm', '--network', 'none', 'made:1'])
    expect(ran).toBe('found\n0:0 600 2\na "quoted" \\|passed on\n/data')
    expect(await root.ok(['history', 'made:1'])).toContain('glasspod from-dir')
  })

  test('a small one arrives too, each time', async () => {
    mkdirSync(file('small'))
    writeFileSync(file('small/x'), 'x')
    chmodSync(file('small/x'), 0o644)
    const id = await root.ok(['from-dir', '-q', file('small'), '-t', 'small:1'])
    const layers = async (name: string) =>
      (JSON.parse(await root.ok(['image', 'inspect', name])) as { RootFS: { Layers: string[] } }[])[0]?.RootFS.Layers
    const first = await layers(id)
    await root.ok(['create', '--name', 'small', 'small:1', '/x'])
    for (let at = 0; at < 5; at++) {
      expect(await layers(await root.ok(['from-dir', '-q', file('small')]))).toEqual(first)
      await root.ok(['export', '-o', file('small.tar'), 'small'])
      expect(await list(file('small.tar'), 'x')).toEqual([expect.stringMatching(/^-rw-r--r-- 0\/0 1 x$/)])
    }
    await root.ok(['rm', 'small'])
  })

  test('from-dir says what is wrong, and nothing is left', async () => {
    const tree = file('tree')
    for (const [args, words] of [
      [[file('nothing')], 'nothing: ENOENT'],
      [[`${tree}/bin/busybox`], 'busybox: it is no directory'],
      [[tree, '--cmd', 'sh -c "x'], 'has a quote that is not closed'],
      [[tree, '--cmd', '["sh"'], 'is no JSON array of words'],
      [[tree, '-w', 'data'], '--workdir data is not absolute'],
      [[tree, '-t', 'UPPER'], 'UPPER'],
      [[tree, '-l', '=x'], 'has no key'],
    ] as const) {
      const { exitCode, stderr } = await root.glasspod(['from-dir', ...args])
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining(words)])
    }
    expect(readdirSync(`${root.dir}/images`).filter((name) => name.includes('.tmp'))).toEqual([])
  })

  test('without tar(1) it says so', async () => {
    const { exitCode, stderr } = await root.glasspod(['from-dir', file('tree')], { env: { PATH: directory } })
    expect([exitCode, stderr]).toEqual([125, expect.stringContaining('error: sh: ENOENT')])
  })

  test.skipIf(process.getuid?.() === 0)(
    'what the caller may not read is no image [needs an ordinary user]',
    async () => {
      const tree = file('tree')
      writeFileSync(`${tree}/data/closed`, '', { mode: 0o000 })
      const { exitCode, stderr } = await root.glasspod(['from-dir', tree, '-t', 'closed:1'])
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining('data/closed: Cannot open: Permission denied')])
      rmSync(`${tree}/data/closed`)
      expect((await root.glasspod(['image', 'inspect', 'closed:1'])).exitCode).not.toBe(0)
    },
  )

  test('of root’s directory too, which nobody else may enter, and the file belongs to who asked', async () => {
    mkdirSync(file('private'), { mode: 0o700 })
    await root.ok(['save', '-o', file('private/image.tar'), root.image])
    expect(statSync(file('private/image.tar')).uid).toBe(process.getuid?.())
    expect(readdirSync(file('private'))).toEqual(['image.tar'])
  })
})
