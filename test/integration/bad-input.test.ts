/** What bad input gets: one clear sentence, the right exit code, and nothing left behind. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faults, makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { makeRoot, type Outcome } from '../fixtures/glasspod.ts'
import { hasUsableTun } from '../fixtures/netns.ts'
import { expectNoResidue, type Residue } from '../fixtures/residue.ts'

const root = makeRoot()
let before: Residue

beforeAll(async () => {
  await root.seedImage()
  await root.run(['--rm', '--network', 'none'], ['true'])
  before = await root.residue()
})
afterAll(root.teardown)

/** What a pull says before it fails. */
const PROGRESS = /^(Pulling |[0-9a-f]{12}: )/

/** The first line is the sentence; what follows are facts about it, and never a stack. */
const expectFailure = async (outcome: Outcome, exitCode: number, sentence: string | RegExp): Promise<void> => {
  const [first = '', ...facts] = outcome.stderr.split('\n').filter((line) => !PROGRESS.test(line))
  expect(first).toMatch(sentence)
  expect(first).toMatch(/^error: /)
  expect(facts.filter((line) => !/^ (why|found|try|see) {2,}/.test(line))).toEqual([])
  expect(outcome.exitCode).toBe(exitCode)
  expect(outcome.stdout).toBe('')
  await expectNoResidue(root.dir, before)
}

describe('images', () => {
  test('one that the registry does not have', async () => {
    const [host = ''] = root.image.split('/')
    const outcome = await root.glasspod(['run', '--rm', `${host}/nothing:here`, 'true'])
    await expectFailure(outcome, 125, `error: registry ${host} has no`)
  })

  test('one that is nowhere, with --pull never', async () => {
    const outcome = await root.glasspod(['run', '--rm', '--pull', 'never', 'localhost:1/nothing', 'true'])
    await expectFailure(outcome, 125, 'error: no such image: localhost:1/nothing')
  })

  test('a reference that is none', async () => {
    await expectFailure(
      await root.glasspod(['pull', 'UPPER/case:!']),
      125,
      'error: not an image reference: "UPPER/case:!"',
    )
    await expectFailure(await root.glasspod(['run', 'a//b', 'true']), 125, 'error: not an image reference: "a//b"')
  })

  test('a registry that cannot be reached', async () => {
    await expectFailure(
      await root.glasspod(['pull', 'localhost:1/demo']),
      125,
      /^error: registry localhost:1 cannot be reached: /,
    )
  })

  describe('a registry that lies', () => {
    let registry: FaultyRegistry
    beforeAll(async () => {
      registry = await startFaultyRegistry(await makeSmallImage([[{ name: 'file', content: 'x'.repeat(100_000) }]]))
    })
    afterAll(() => registry.stop())

    test.each([
      ['a wrong digest', 'flipped', /^error: (blob|layer) .*(does not match its digest|damaged)/],
      ['a truncated blob', 'truncated', /^error: registry \S+ broke off the transfer/],
      [
        'a blob that is shorter than it says',
        'short',
        /^error: blob sha256:[0-9a-f]+ is shorter than the manifest says/,
      ],
      ['a blob that is longer', 'long', /^error: blob sha256:[0-9a-f]+ is longer than the manifest says/],
      ['a failure of its own', 'broken', /^error: registry \S+ failed at .*: status 500/],
    ] as const)('%s', async (_, fault, sentence) => {
      registry.fault = faults[fault]
      await expectFailure(await root.glasspod(['pull', '-q', `${registry.host}/x`]), 125, sentence)
      expect(await root.ok(['images', '-q'])).not.toContain('\n')
    })
  })
})

describe('commands', () => {
  test('one that does not exist: 127', async () => {
    const outcome = await root.run(['--rm', '--network', 'none'], ['no-such-command'])
    await expectFailure(outcome, 127, 'error: execute "no-such-command": not found in $PATH of the container')
  })

  test('one that is not executable: 126', async () => {
    const outcome = await root.run(['--rm', '--network', 'none'], ['/etc/passwd'])
    await expectFailure(outcome, 126, 'error: execute "/etc/passwd": EACCES (permission denied)')
  })

  test('a verb that does not exist names the nearest', async () => {
    const outcome = await root.glasspod(['rnu', 'x'])
    await expectFailure(outcome, 125, /rnu/)
    expect(outcome.stderr).toContain('run')
  })

  test.each(['start', 'stop', 'kill', 'wait', 'rm', 'logs', 'inspect', 'exec'])(
    '%s of what is not there',
    async (verb) => {
      const outcome = await root.glasspod([verb, 'nobody', ...(verb === 'exec' ? ['true'] : [])])
      expect(outcome.exitCode).not.toBe(0)
      expect(outcome.stderr).toContain('nobody')
      await expectNoResidue(root.dir, before)
    },
  )
})

describe('names', () => {
  test('one in use', async () => {
    await root.ok(['create', '--name', 'taken', '--network', 'none', root.image, 'true'])
    const withTaken = await root.residue()
    const outcome = await root.run(['--name', 'taken', '--network', 'none'], ['true'])
    expect(outcome).toMatchObject({ exitCode: 125 })
    expect(outcome.stderr).toContain("error: the container name 'taken' is in use")
    await expectNoResidue(root.dir, withTaken)
    await root.ok(['rm', 'taken'])
  })

  test('one that is no name', async () => {
    await expectFailure(await root.run(['--name', '../up'], ['true']), 125, "error: invalid name '../up'")
  })

  test('a pod that does not exist', async () => {
    await expectFailure(await root.run(['--pod', 'nobody'], ['true']), 125, 'error: no such pod: nobody')
  })
})

describe('ports', () => {
  let server: Server
  let port = 0
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  })
  afterAll(() => server.close())

  test.skipIf(!hasUsableTun())('one in use [needs a usable /dev/net/tun]', async () => {
    expect(await root.run(['--rm'], ['true'])).toMatchObject({ exitCode: 0 })
    const outcome = await root.run(['--rm', '-p', `127.0.0.1:${port}:80`], ['true'])
    expect(outcome.exitCode).toBe(125)
    expect(outcome.stderr).toMatch(new RegExp(`^error: publish .*: port ${port} is already in use`))
    await expectNoResidue(root.dir, before)
  })

  test.each(['99999:80', '80:0', 'x:80', '80:80/icmp'])('%s, which is none', async (text) => {
    await expectFailure(await root.run(['--rm', '-p', text], ['true']), 125, 'error: invalid port')
  })

  test('with a network that has none', async () => {
    const outcome = await root.run(['--rm', '--network', 'none', '-p', '8080:80'], ['true'])
    await expectFailure(outcome, 125, 'error: ports cannot be published with --network none')
  })
})

describe('volumes', () => {
  test('a source that is missing is not made', async () => {
    const outcome = await root.run(['--rm', '--network', 'none', '-v', '/no/such/source:/data'], ['true'])
    await expectFailure(outcome, 125, 'error: volume source /no/such/source: no such file or directory')
  })

  test('a destination that is not absolute', async () => {
    expect(await root.run(['--rm', '-v', '/tmp:data'], ['true'])).toMatchObject({ exitCode: 125 })
    await expectNoResidue(root.dir, before)
  })
})

describe('limits', () => {
  test.each([
    [['--memory', '1m'], 'error: minimum memory limit allowed is 6MB'],
    [['--memory', 'much'], "error: invalid size: 'much'"],
    [['--cpus', '0.001'], /^error: range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available/],
    [['--cpus', '4096'], /^error: range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available/],
    [['--pids-limit', 'x'], "error: invalid pids limit: 'x'"],
  ])('%j', async (flags, sentence) => {
    await expectFailure(await root.run(['--rm', '--network', 'none', ...flags], ['true']), 125, sentence)
  })

  test('one that holds, or a refusal that names the controller: never silence', async () => {
    const script = 'cat /sys/fs/cgroup/memory.max 2>/dev/null || true'
    const outcome = await root.run(['--rm', '--network', 'none', '--memory', '64m'], ['sh', '-c', script])
    const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as {
      Glasspod: { controllers: string[] }
    }
    if (Glasspod.controllers.includes('memory')) expect(outcome).toMatchObject({ exitCode: 0, stdout: '67108864' })
    else await expectFailure(outcome, 125, 'error: memory.max = 67108864 cannot be enforced here')
  })
})

describe('other words', () => {
  test.each([
    [['-u', 'stranger'], /stranger/],
    [['--network', 'moon'], 'error: network moon not found'],
    [['--cap-add', 'CAP_MOON'], /CAP_MOON|MOON/],
    [['--hostname', 'a b'], "error: invalid hostname 'a b'"],
    [['-w', 'relative'], "error: the working directory 'relative' is invalid, it needs to be an absolute path"],
  ])('%j', async (flags, sentence) => {
    await expectFailure(await root.run(['--rm', ...flags], ['true']), 125, sentence)
  })

  test('a NUL byte in a file of variables', async () => {
    const file = `${mkdtempSync('/tmp/gp-env-')}/env`
    writeFileSync(file, 'GOOD=1\nBAD=a\0b\n')
    const outcome = await root.run(['--rm', '--network', 'none', '--env-file', file], ['true'])
    await expectFailure(outcome, 125, /^error: (Env\[1\] has a NUL byte in it|.*NUL)/)
    rmSync(dirname(file), { recursive: true })
  })

  test('a signal that is none', async () => {
    await root.ok(['create', '--name', 'quiet', '--network', 'none', root.image, 'true'])
    const { exitCode, stderr } = await root.glasspod(['kill', '-s', 'SIGMOON', 'quiet'])
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain('error: invalid signal: SIGMOON')
    await root.ok(['rm', 'quiet'])
  })
})
