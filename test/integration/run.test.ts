/** `run` in the foreground does what docker and podman users expect, and `--rm` leaves nothing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()
/** Without a network, which is another file's promise. */
const FLAGS = ['--rm', '--network', 'none']
const run = (flags: string[], command: string[], options = {}) => root.run([...FLAGS, ...flags], command, options)
const sh = (flags: string[], script: string, options = {}) => run(flags, ['sh', '-c', script], options)

beforeAll(root.seedImage)
afterAll(root.teardown)

describe('the exit code of run', () => {
  test.each([
    ['0, as the command', ['true'], 0],
    ['7, as the command', ['sh', '-c', 'exit 7'], 7],
    ['127 for a command that does not exist', ['no-such-command'], 127],
    ['126 for one that is not executable', ['/etc/passwd'], 126],
    ['126 for a directory', ['/etc'], 126],
  ])('is %s', async (_, command, exitCode) => {
    expect(await run([], command)).toMatchObject({ exitCode })
  })

  test('is 137 for one that SIGKILL ended', async () => {
    const foreground = root.spawn(['run', ...FLAGS, '--name', 'victim', root.image, 'sleep', '1000'])
    await until('it runs', async () => (await root.ok(['ps', '-q', '--filter', 'name=victim'])) !== '')
    await root.ok(['kill', 'victim'])
    expect((await foreground).exitCode).toBe(137)
  })

  test('is 143 for one that our SIGTERM ended', async () => {
    const trap = "trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done"
    const foreground = root.spawn(['run', ...FLAGS, root.image, 'sh', '-c', trap])
    await once(foreground.stdout, 'data')
    foreground.kill('SIGTERM')
    expect((await foreground).exitCode).toBe(143)
  })

  test('is 125 for a flag that does not exist, and the sentence names it', async () => {
    const { exitCode, stderr } = await root.run(['--no-such-flag'], ['true'])
    expect(exitCode).toBe(125)
    expect(stderr).toContain('--no-such-flag')
  })
})

describe('streams', () => {
  test('output and error output are apart, and in full', async () => {
    const { stdout, stderr } = await sh([], 'echo to out; echo to err >&2')
    expect({ stdout, stderr }).toEqual({ stdout: 'to out', stderr: 'to err' })
  })

  test('ten thousand lines arrive, in order', async () => {
    const { stdout } = await run([], ['seq', '10000'])
    expect(stdout.split('\n')).toEqual(Array.from({ length: 10_000 }, (_, index) => `${index + 1}`))
  })

  test('-i passes standard input on, to its end', async () => {
    expect(await run(['-i'], ['wc', '-c'], { input: 'x'.repeat(200_000) })).toMatchObject({
      exitCode: 0,
      stdout: '200000',
    })
  })

  test('without -i it is empty', async () => {
    expect((await run([], ['wc', '-c'], { input: 'not for you' })).stdout).toBe('0')
  })
})

describe('what the command finds', () => {
  test("the image's variables, and those of -e", async () => {
    const { stdout } = await sh(['-e', 'A=b c', '-e', 'FROM_US'], 'echo "$GREETING|$A|$FROM_US|$HOSTNAME|$HOME"', {
      env: { FROM_US: 'handed on' },
    })
    expect(stdout).toMatch(/^hello from glasspod\|b c\|handed on\|[0-9a-f]{12}\|\/root$/)
  })

  test('only these variables, none of ours', async () => {
    const { stdout } = await run(['--hostname', 'h'], ['env'], { env: { SECRET: 'of the host' } })
    expect(
      stdout
        .split('\n')
        .map((line) => line.split('=')[0])
        .sort(),
    ).toEqual(['GREETING', 'HOME', 'HOSTNAME', 'PATH'])
  })

  test('the directory of -w, made if it is missing', async () => {
    expect((await run(['-w', '/www'], ['pwd'])).stdout).toBe('/www')
    expect((await run(['-w', '/new/one'], ['pwd'])).stdout).toBe('/new/one')
  })

  test.each([
    ['www', '33:33'],
    ['33', '33:33'],
    ['33:0', '33:0'],
    ['1234:5678', '1234:5678'],
  ])('the user of -u %s', async (user, ids) => {
    expect((await sh(['-u', user], 'echo $(id -u):$(id -g)')).stdout).toBe(ids)
  })

  test('the host name of --hostname, by name too', async () => {
    expect((await sh(['--hostname', 'glass'], 'hostname; grep -c glass /etc/hosts')).stdout).toBe('glass\n1')
  })

  test('--entrypoint instead of the command of the image', async () => {
    expect((await run(['--entrypoint', 'echo'], ['one', 'two'])).stdout).toBe('one two')
  })

  test('itself as process 1, and no process of the host', async () => {
    expect((await sh([], 'echo $$; ls -d /proc/[0-9]* | wc -l')).stdout).toMatch(/^1\n[23]$/)
  })

  test('the layers of the image, whiteouts applied', async () => {
    const { stdout } = await sh([], 'cat /www/index.html; ls /etc/motd 2>&1; ls /var/cache; stat -c %u /www')
    expect(stdout).toContain('It works, and you can see why.')
    expect(stdout).toContain('No such file')
    expect(stdout.split('\n').slice(-2)).toEqual(['new', '33'])
  })

  test('devices that every program needs, writable by an ordinary user of the container', async () => {
    const script =
      'echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 8 /dev/urandom | wc -c && echo >/dev/stdout'
    expect(await sh(['-u', 'www'], script)).toMatchObject({ exitCode: 0, stdout: '4\n8\n' })
  })
})

describe('file systems', () => {
  test('--read-only refuses a write, and says why', async () => {
    const { exitCode, stderr } = await sh(['--read-only'], 'echo x >/new')
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain('Read-only file system')
  })

  test('--tmpfs is writable in a read-only container, with its options', async () => {
    const { stdout } = await sh(
      ['--read-only', '--tmpfs', '/scratch:size=1m,mode=1777'],
      'echo x >/scratch/file && cat /scratch/file; grep " /scratch " /proc/mounts',
    )
    expect(stdout).toMatch(/^x\n\S+ \/scratch tmpfs .*size=1024k/)
  })

  test('what one container writes, the next does not see', async () => {
    expect(await sh([], 'echo x >/mark && cat /mark')).toMatchObject({ stdout: 'x' })
    expect(await sh([], 'cat /mark')).toMatchObject({ exitCode: 1 })
  })

  describe('-v', () => {
    let volume = ''
    beforeAll(() => {
      // where whoever runs it can write: as root the container's user is the system user
      volume = mkdtempSync('/tmp/gp-volume-')
      chmodSync(volume, 0o777)
      mkdirSync(join(volume, 'sub'))
      writeFileSync(join(volume, 'file'), 'from the host\n', { mode: 0o644 })
    })
    afterAll(() => rmSync(volume, { recursive: true, force: true }))

    test('shares a directory both ways', async () => {
      const { stdout } = await sh(['-v', `${volume}:/data`], 'cat /data/file; echo from inside >/data/answer')
      expect(stdout).toBe('from the host')
      expect(readFileSync(join(volume, 'answer'), 'utf8')).toBe('from inside\n')
    })

    test(':ro refuses a write', async () => {
      const { exitCode, stderr } = await sh(['-v', `${volume}:/data:ro`], 'echo x >/data/no')
      expect(exitCode).not.toBe(0)
      expect(stderr).toContain('Read-only file system')
    })

    test('shares one file', async () => {
      expect((await run(['-v', `${volume}/file:/etc/motd:ro`], ['cat', '/etc/motd'])).stdout).toBe('from the host')
    })

    test('a destination with .. is refused', async () => {
      const { exitCode, stderr } = await run(['-v', `${volume}:/www/../data`], ['true'])
      expect(exitCode).toBe(125)
      expect(stderr).toContain("'..' in the destination")
    })
  })
})

describe('--rm', () => {
  test.each([
    ['a command that ends', ['true'], 0],
    ['a command that fails', ['false'], 1],
    ['a command that does not exist', ['no-such-command'], 127],
    ['a command that leaves a child', ['sh', '-c', 'sleep 1000 & exit 3'], 3],
  ])('leaves nothing of %s', async (_, command, exitCode) => {
    await run([], ['true'])
    const before = await root.residue()
    expect(await run([], command)).toMatchObject({ exitCode })
    await expectNoResidue(root.dir, before)
  })

  test('leaves nothing with the bridge either', async () => {
    const first = await root.run(['--rm'], ['true'])
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    const before = await root.residue()
    expect(await root.run(['--rm'], ['true'])).toMatchObject({ exitCode: 0 })
    await expectNoResidue(root.dir, before)
  })

  test('twenty times leaves what once leaves', async () => {
    const before = await root.residue()
    for (let round = 0; round < 20; round++) expect((await run([], ['true'])).exitCode).toBe(0)
    await expectNoResidue(root.dir, before)
    expect(await root.ok(['ps', '-aq'])).toBe('')
  })
})
