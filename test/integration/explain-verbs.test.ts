/** `VERB --explain` tells, of each verb, what `explain VERB` had said that it would do, each step made. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()
const directory = mkdtempSync('/tmp/gp-explain-')
const archive = `${directory}/image.tar`
const NAME = 'example.com/explained:1'

beforeAll(async () => {
  await root.seedImage()
  await root.ok(['tag', root.image, NAME])
  await root.ok(['save', '-o', archive, NAME])
})
afterAll(async () => {
  await root.teardown()
  rmSync(directory, { recursive: true, force: true })
})

interface Told {
  id: string
  when?: string
}

/** Ids of the steps that come at once, as `explain` says before. */
const explain = async (args: readonly string[], input?: string): Promise<string[]> => {
  const options = input === undefined ? {} : { input }
  const steps = JSON.parse(await root.ok(['explain', '--format', 'json', ...args], options)) as Told[]
  return steps.filter(({ when = 'now' }) => when.startsWith('now')).map(({ id }) => id)
}

/** Ids of the steps that were made, as `--explain` told them; none has failed. */
const made = (stderr: string): string[] => {
  expect(stderr).not.toContain('✘')
  return [...stderr.matchAll(/^✔ \d+ (\S+) /gm)].map(([, id = '']) => id)
}

const POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shop' },
  spec: {
    containers: [
      {
        name: 'front',
        image: root.image,
        command: ['sleep', '1000'],
        volumeMounts: [{ name: 'cache', mountPath: '/c' }],
      },
    ],
    volumes: [{ name: 'cache', emptyDir: {} }],
  },
})

test('play and down', async () => {
  const will = await explain(['play', '-'], POD)
  const { exitCode, stderr } = await root.glasspod(['play', '--explain', '-'], { input: POD })
  expect(exitCode).toBe(0)
  expect(made(stderr)).toEqual(will)
  expect(will).toEqual(expect.arrayContaining(['pod.empty-dir', 'pod.pause', 'container.init']))
  expect(stderr).toContain('The emptyDir cache: ')
  const gone = await root.glasspod(['down', '--explain', '-t', '0', '-'], { input: POD })
  expect(gone.exitCode).toBe(0)
  expect(made(gone.stderr)).toEqual(expect.arrayContaining(['pod.end', 'container.files', 'pod.remove']))
})

test('load and rmi', async () => {
  await root.ok(['rmi', NAME])
  const will = await explain(['load', '-i', archive])
  const { exitCode, stderr } = await root.glasspod(['load', '-q', '--explain', '-i', archive])
  expect(exitCode).toBe(0)
  expect(made(stderr)).toEqual(will)
  expect(will).toEqual(['image.archive', 'image.manifest', 'image.config', 'image.layers', 'image.name'])
  // what is to be seen of a step can be asked for when it is made
  expect(stderr).toMatch(/^ +see +ls \$ROOT\/images\/blobs\/sha256/m)

  expect(await explain(['rmi', NAME])).toEqual(['image.remove'])
  const removed = await root.glasspod(['rmi', '--explain', NAME])
  expect(made(removed.stderr)).toEqual(['image.remove'])
  expect(await root.glasspod(['explain', 'rmi', NAME])).toMatchObject({ exitCode: 125 })
})

test('what the verb would refuse is refused, and what is so already is said', async () => {
  await root.ok(['pod', 'create', '--name', 'busy', '--network', 'none'])
  await root.ok(['run', '-d', '--name', 'up', '--pod', 'busy', root.image, 'sleep', '1000'])
  for (const words of [
    ['rm', 'up'],
    ['pod', 'rm', 'busy'],
  ]) {
    const refused = await root.glasspod(words)
    const told = await root.glasspod(['explain', ...words])
    expect(refused.stderr).toMatch(/^error: (container up is running|pod busy has running containers) /)
    expect([told.exitCode, told.stderr]).toEqual([125, refused.stderr])
  }
  expect(await root.ok(['explain', 'start', 'up'])).toBe('nothing is to be done: it is as it would be')
  expect(await root.ok(['explain', '--format', 'json', 'start', 'up'])).toBe('[]')
  const will = await explain(['pod', 'rm', '-f', 'busy'])
  expect(will).toEqual(expect.arrayContaining(['container.kill', 'pod.remove']))
  await root.ok(['pod', 'rm', '-f', 'busy'])
})

/** Where no cgroup is delegated, explain says so as the verb does. */
test('pause, unpause and update', async () => {
  await root.ok(['run', '-d', '--name', 'job', '--network', 'none', root.image, 'sleep', '1000'])
  const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as {
    Glasspod: { cgroup: string | null; controllers: string[] }
  }
  if (Glasspod.cgroup === null) {
    for (const args of [
      ['explain', 'pause', 'job'],
      ['pause', '--explain', 'job'],
    ])
      expect((await root.glasspod(args)).stderr).toMatch(/^error: container job cannot be paused here/)
  } else {
    for (const [verb, word] of [
      ['pause', 'frozen 1'],
      ['unpause', 'frozen 0'],
    ] as const) {
      const will = await explain([verb, 'job'])
      expect(made((await root.glasspod([verb, '--explain', 'job'])).stderr)).toEqual(will)
      const pid = (await root.inspect('job')).State.Pid
      const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? ''
      const mount = execFileSync('findmnt', ['-n', '-t', 'cgroup2', '-o', 'TARGET', '--first-only'], {
        encoding: 'utf8',
      })
      expect(readFileSync(`${mount.trim()}${path}/cgroup.events`, 'utf8')).toContain(word)
    }
  }
  const [flags, ids] = Glasspod.controllers.includes('pids')
    ? [
        ['--pids-limit', '50'],
        ['cgroups.pids.max', 'container.limits'],
      ]
    : [['--restart', 'no'], ['container.limits']]
  expect(await explain(['update', ...flags, 'job'])).toEqual(ids)
  expect(made((await root.glasspod(['update', '--explain', ...flags, 'job'])).stderr)).toEqual(ids)
  await root.ok(['rm', '-f', 'job'])
})

test.each(['tag', 'push', 'save', 'import', 'logout'])('%s has none, and says who has', async (verb) => {
  const { exitCode, stderr } = await root.glasspod([verb, '--explain', 'a', 'b'])
  expect([exitCode, stderr]).toEqual([
    125,
    expect.stringMatching(new RegExp(`^error: glasspod ${verb} has no steps to tell .*\n try    glasspod explain,`)),
  ])
  const list = await root.glasspod(['explain'])
  expect(list.stderr).toMatch(/^error: glasspod explain takes run, create, exec, .* rootless/)
})

test('prose is as wide as COLUMNS says, up to what is easily read, and 80 in a pipe', async () => {
  const widest = async (columns?: string) => {
    const { stdout } = await root.glasspod(
      ['explain', 'run', root.image, 'true'],
      columns === undefined ? {} : { env: { COLUMNS: columns } },
    )
    return Math.max(...stdout.split('\n').map((line) => line.length))
  }
  expect(await widest()).toBe(80)
  expect(await widest('60')).toBe(60)
  expect(await widest('500')).toBe(100)
})
