/** Limits: refused by the name of the controller where it is missing, and in Docker's words where they cannot be meant. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, type Outcome } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'
import { expectNoResidue } from '../fixtures/residue.ts'
import { readScreen } from '../fixtures/screen.ts'

const root = makeRoot()
beforeAll(root.seedImage)
afterAll(root.teardown)

const info = async () =>
  (
    JSON.parse(await root.ok(['info', '--format', 'json'])) as {
      Glasspod: { controllers: string[]; cgroup: string | null }
    }
  ).Glasspod

/** A disk of this machine, where /dev has one. */
const disk = ['/dev/vda', '/dev/sda', '/dev/nvme0n1'].find((path) => existsSync(path) && statSync(path).isBlockDevice())

const LIMITS: [controller: string, flags: string][] = [
  ['memory', '--memory 64m'],
  ['memory', '--memory 64m --memory-swap 128m'],
  ['memory', '--memory-reservation 32m'],
  ['memory', '--cgroup-conf memory.high=32m'],
  ['cpu', '--cpus 0.5'],
  ['cpu', '--cpu-quota 50000'],
  ['cpu', '--cpu-shares 512'],
  ['cpuset', '--cpuset-cpus 0'],
  ['cpuset', '--cpuset-mems 0'],
  ['pids', '--pids-limit 20'],
]
if (disk !== undefined) LIMITS.push(['io', `--device-read-bps ${disk}:1mb`], ['io', `--device-write-iops ${disk}:100`])

const expectRefusal = ({ exitCode, stderr }: Outcome, controller: string) => {
  expect([exitCode, stderr]).toEqual([
    125,
    expect.stringMatching(
      new RegExp(`^error: ${controller}\\..* cannot be enforced here   \\[cgroups\\.${controller}\\]`),
    ),
  ])
  expect(stderr).toMatch(/^ found .+\n try .+/m)
}

describe('a limit', () => {
  test.each(LIMITS)('of %s holds, or is refused by that name: %s', async (controller, flags) => {
    const { controllers } = await info()
    const outcome = await root.run(['--rm', '--network', 'none', ...flags.split(' ')], ['true'])
    if (controllers.includes(controller)) expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
    else expectRefusal(outcome, controller)
  })

  test('of a pod and of a running container holds, or is refused by the same name; nothing is left', async () => {
    const before = await root.residue()
    const { controllers } = await info()
    await root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sleep', '1000'])
    for (const controller of ['memory', 'cpu', 'cpuset', 'pids']) {
      const flags = LIMITS.find(([name]) => name === controller)?.[1].split(' ') ?? []
      for (const command of [['pod', 'create', '--name', `shop-${controller}`], ['update']]) {
        const outcome = await root.glasspod([...command, ...flags, ...(command[0] === 'update' ? ['job'] : [])])
        if (controllers.includes(controller)) expect(outcome).toMatchObject({ exitCode: 0, stderr: '' })
        else expectRefusal(outcome, controller)
      }
    }
    await root.ok(['rm', '-f', 'job'])
    const pods = (await root.ok(['pod', 'ps', '-q'])).split('\n').filter((id) => id !== '')
    expect(pods).toHaveLength(controllers.filter((name) => ['memory', 'cpu', 'cpuset', 'pids'].includes(name)).length)
    if (pods.length > 0) await root.ok(['pod', 'rm', ...pods])
    await expectNoResidue(root.dir, before)
  })

  test('that cannot be meant is refused in Docker’s words', async () => {
    for (const [flags, message] of [
      [['--memory', '5m'], 'minimum memory limit allowed is 6MB'],
      [['--memory-swap', '64m'], 'you should always set the memory limit when using memoryswap limit'],
      [['--cpus', '999'], 'range of CPUs is from 0.01 to '],
      [['--cpus', '1', '--cpu-quota', '5000'], 'conflicting options: NanoCPUs and CPU Quota cannot both be set'],
      [['--cpuset-cpus', '0-'], 'invalid value 0- for cpuset cpus'],
      [['--pids-limit', 'many'], "invalid pids limit: 'many'"],
      [['--device-read-bps', '/dev/null:1mb'], '/dev/null cannot be limited'],
      [['--device-read-bps', 'sda:1mb'], 'bad format for device path: sda:1mb'],
      [['--cgroup-conf', 'memory.high'], '--cgroup-conf must be formatted KEY=VALUE'],
      [['--cgroup-conf', 'cgroup.procs=1'], 'cgroup.procs cannot be set'],
      [['--oom-score-adj', '1001'], 'invalid value 1001, range for oom score adj is [-1000, 1000]'],
    ] as const) {
      const { exitCode, stderr } = await root.glasspod(['run', '--rm', ...flags, root.image, 'true'])
      expect([flags, exitCode, stderr.includes(`error: ${message}`)]).toEqual([flags, 125, true])
    }
    expect(await root.ok(['ps', '-aq'])).toBe('')
  })

  test('that nobody asks for is none: what docker’s client sends is taken', async () => {
    const container = await root.docker().createContainer({
      Image: root.image,
      Cmd: ['true'],
      HostConfig: {
        Memory: 0,
        CpuShares: 0,
        MemorySwappiness: -1,
        PidsLimit: 0,
        OomKillDisable: false,
        CpusetCpus: '',
      },
    })
    await container.remove()
    await expect(
      root.docker().createContainer({ Image: root.image, HostConfig: { MemorySwappiness: 10 } }),
    ).rejects.toMatchObject({ statusCode: 400 })
  })
})

describe('the score of the OOM killer', () => {
  test('is that of the process, in exec too', async () => {
    const flags = ['--name', 'job', '--network', 'none', '--oom-score-adj', '500']
    await root.ok(['run', '-d', ...flags, root.image, 'sleep', '1000'])
    try {
      const { State } = await root.inspect('job')
      expect(readFileSync(`/proc/${State.Pid}/oom_score_adj`, 'utf8')).toBe('500\n')
      expect(await root.ok(['exec', 'job', 'cat', '/proc/self/oom_score_adj'])).toBe('500')
    } finally {
      await root.ok(['rm', '-f', 'job'])
    }
  })

  test('cannot be lowered without the right, and nothing half-made stays', async () => {
    const before = await root.residue()
    const { exitCode, stderr } = await root.run(['--oom-score-adj', '-1000', '--network', 'none'], ['true'])
    expect(exitCode).toBe(125)
    expect(stderr).toContain('[process.oom-score-adj]')
    await expectNoResidue(root.dir, before)
  })
})

describe('stats', () => {
  test('has docker’s columns, and -- where this machine has no controller', async () => {
    const { controllers, cgroup } = await info()
    await root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sh', '-c', 'while :; do :; done'])
    try {
      const table = await root.ok(['stats', '--no-stream'])
      const [header = '', row = ''] = table.split('\n')
      expect(header).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/)
      expect(row.includes('-- / --')).toBe(!(controllers.includes('memory') && controllers.includes('io')))
      const [stats] = JSON.parse(await root.ok(['stats', '--no-stream', '--format', 'json', 'job'])) as {
        CpuPercent: number | null
        Pids: number | null
      }[]
      expect(cgroup === null || (stats?.CpuPercent ?? 0) > 0).toBe(true)
      expect(stats?.Pids).toBe(cgroup === null ? null : 1)
    } finally {
      await root.ok(['rm', '-f', 'job'])
    }
  })

  test('is drawn anew on a terminal, with who comes and goes, until Ctrl-C, which gives the terminal back', async () => {
    await root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sleep', '1000'])
    const terminal = onTerminal(root, 'trap : INT; stty -g; glasspod stats; echo "exit $?"; stty -g')
    const screen = () => readScreen(terminal.seen().split('\x1b[?1049h')[1] ?? '')
    const has = (name: string) => screen().lines.some((line) => line.includes(` ${name} `))
    try {
      await until('it is drawn', () => has('job'))
      await root.ok(['run', '-d', '--name', 'second', '--network', 'none', root.image, 'sleep', '1000'])
      await until('the second one is there', () => has('second'))
      await root.ok(['rm', '-f', 'second'])
      await until('it is gone', () => !has('second'))
      // drawn over what was there, in lines that the terminal has not broken
      expect(screen().lines.filter((line) => line.startsWith('CONTAINER ID'))).toHaveLength(1)
      expect(screen().broken).toEqual([])
    } finally {
      terminal.type('\x03')
      await terminal.child
      await root.ok(['rm', '-f', 'job', 'second']).catch(() => undefined)
    }
    const [before = '', during = ''] = terminal.seen().split('\x1b[?1049h')
    const [, after = ''] = during.split('\x1b[?1049l')
    expect(after).toMatch(/exit 130/)
    expect(after.trim().split(/\s+/).at(-1)).toBe(before.trim().split(/\s+/).at(-1))
  })

  test('streams by Docker’s API, the processor’s time growing, until the container ends', async () => {
    const { cgroup } = await info()
    await root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sh', '-c', 'while :; do :; done'])
    try {
      const stream = await root.docker().getContainer('job').stats({ stream: true })
      let text = ''
      stream.setEncoding('utf8')
      for await (const chunk of stream) {
        text += String(chunk)
        if (text.split('\n').length > 2) await root.glasspod(['kill', 'job'])
      }
      const values = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { cpu_stats: { cpu_usage: { total_usage: number } }; memory_stats: object })
      if (cgroup === null) return
      const [first = 0, second = 0] = values.map(({ cpu_stats }) => cpu_stats.cpu_usage.total_usage)
      expect(second).toBeGreaterThan(first)
    } finally {
      await root.ok(['rm', '-f', 'job'])
    }
  })

  test('of what does not run is empty, and of what is not there 404', async () => {
    await root.ok(['create', '--name', 'job', '--network', 'none', root.image, 'true'])
    try {
      const stats = await root.docker().getContainer('job').stats({ stream: false })
      expect(stats.cpu_stats.cpu_usage.total_usage).toBe(0)
      await expect(root.docker().getContainer('none').stats({ stream: false })).rejects.toMatchObject({
        statusCode: 404,
      })
    } finally {
      await root.ok(['rm', 'job'])
    }
  })
})

describe('the death certificate', () => {
  const reasonOf = async () =>
    (await root.inspect('job')) as unknown as { State: { Reason: string; OOMKilled: boolean } }
  const start = (script: string) =>
    root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sh', '-c', script])

  test.each([
    ['exit 3', 'it ended by itself with exit code 3'],
    ['kill -SEGV $$', 'it ended by itself with exit code'],
    ['sh -c "kill -9 \\$\\$"; exit 137', 'it ended by itself with exit code 137 (as a shell says it of SIGKILL)'],
  ])('of %j', async (script, reason) => {
    await start(`${script}; exit 4`)
    try {
      await root.ok(['wait', 'job'])
      expect((await reasonOf()).State.Reason).toContain(reason)
      expect((await reasonOf()).State.OOMKilled).toBe(false)
    } finally {
      await root.ok(['rm', '-f', 'job'])
    }
  })

  test('tells who killed: glasspod kill, glasspod stop, or somebody else', async () => {
    await start('while :; do sleep 0.1; done')
    try {
      await root.ok(['kill', 'job'])
      await root.ok(['wait', 'job'])
      expect((await reasonOf()).State.Reason).toBe('glasspod kill killed it')
      await root.ok(['start', 'job'])
      expect((await reasonOf()).State.Reason).toBe('')
      await root.ok(['stop', '-t', '0', 'job'])
      expect((await reasonOf()).State.Reason).toBe('glasspod stop asked with SIGTERM, waited 0 s, and killed it')
      await root.ok(['start', 'job'])
      process.kill((await root.inspect('job')).State.Pid, 'SIGKILL')
      expect(await root.ok(['wait', 'job'])).toBe('137')
      expect((await reasonOf()).State.Reason).toContain('killed by SIGKILL from outside: not by glasspod')
      expect(await root.ok(['ps', '-a'])).not.toContain('OOM')
    } finally {
      await root.ok(['rm', '-f', 'job'])
    }
  })
})
