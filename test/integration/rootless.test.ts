/** The node of an ordinary user: its directories, its namespaces, one holder for many starters, and nothing left behind. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isAlive, readIdentity } from '../../runtime/kernel/processes.ts'
import { readDelegation } from '../../runtime/rootless/cgroup-delegation.ts'
import { killNode } from '../../runtime/rootless/kill-node.ts'
import { noteFile, readHolder } from '../../runtime/rootless/holder-note.ts'
import { launchHolder, readUser } from '../../runtime/rootless/launch-holder.ts'
import { prepareRoot, resolveRuntimeDirectory } from '../../runtime/rootless/prepare-root.ts'
import { resetRoot } from '../../runtime/rootless/reset.ts'
import { layout, socketIn } from '../../runtime/rootless/root-directory.ts'
import { startAgent } from '../../runtime/rootless/start-agent.ts'
import { takeStartLock } from '../../runtime/rootless/start-lock.ts'
import { ensureAgent } from '../../runtime/rootless/start.ts'
import { until } from '../../runtime/rootless/until.ts'
import { patiently } from '../fixtures/patience.ts'
import { failureOf } from '../unit/rootless/failure-of.ts'

const isRoot = process.getuid?.() === 0
const NAMESPACES = ['user', 'mnt'] as const

let dir = ''
let root = ''
beforeEach(() => {
  dir = realpathSync(mkdtempSync('/tmp/gp-rootless-'))
  root = `${dir}/root`
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const prepare = () => {
  prepareRoot(root)
  return resolveRuntimeDirectory(root, { XDG_RUNTIME_DIR: dir })
}

describe('the root directory', () => {
  test('is made with mode 0700 and a marker, and found again', () => {
    prepareRoot(root)
    prepareRoot(root)
    expect(readdirSync(root)).toEqual(['glasspod-root'])
  })

  test('foreign files are left alone', async () => {
    mkdirSync(root, { mode: 0o755 })
    writeFileSync(`${root}/thesis.txt`, '')
    const { message, facts } = await failureOf(() => prepareRoot(root))
    expect(message).toBe(`root directory ${root} has other things in it`)
    expect(facts).toMatchObject({ id: 'root.foreign', found: `${root}/thesis.txt, and no ${root}/glasspod-root` })
    expect((await failureOf(() => resetRoot(root))).facts.id).toBe('reset.not-ours')
    expect(readdirSync(root)).toEqual(['thesis.txt'])
  })

  test('one that others can write is refused', async () => {
    mkdirSync(root)
    chmodSync(root, 0o777)
    expect((await failureOf(() => prepareRoot(root))).facts).toMatchObject({
      id: 'root.owner',
      try: `chmod 0700 ${root}`,
    })
  })

  test.skipIf(isRoot)('one that belongs to someone else is refused', async () => {
    expect((await failureOf(() => prepareRoot('/usr/share'))).facts.id).toBe('root.directory')
    expect((await failureOf(() => prepareRoot('/tmp'))).facts.id).toBe('root.owner')
  })
})

describe('the runtime directory', () => {
  test('the link decides, so that terminals with different environments meet', () => {
    const directory = prepare()
    expect(directory).toMatch(new RegExp(`^${dir}/glasspod/[0-9a-f]{12}$`))
    expect(readlinkSync(`${root}/run`)).toBe(directory)
    expect(resolveRuntimeDirectory(root, {})).toBe(directory)
  })

  test('a link that leads nowhere is made anew', () => {
    const directory = prepare()
    rmSync(directory, { recursive: true })
    expect(prepare()).toBe(directory)
    expect(existsSync(directory)).toBe(true)
  })

  test('XDG_RUNTIME_DIR that is too long for a socket, or open to others, is passed over', () => {
    const long = `${dir}/${'x'.repeat(80)}`
    mkdirSync(long, { mode: 0o700 })
    prepareRoot(root)
    const mine = resolveRuntimeDirectory(root, { XDG_RUNTIME_DIR: long })
    expect(mine).toMatch(/^(\/tmp\/glasspod-\d+|\/run\/glasspod)\/[0-9a-f]{12}$/)
    chmodSync(long, 0o755)
    rmSync(mine, { recursive: true })
    expect(resolveRuntimeDirectory(root, { XDG_RUNTIME_DIR: long })).toBe(mine)
    rmSync(mine, { recursive: true })
    if (readdirSync(dirname(mine)).length === 0) rmSync(dirname(mine), { recursive: true })
  })

  test('a link to a link is refused: whoever made it could stand in for the agent', async () => {
    const directory = prepare()
    symlinkSync(directory, `${dir}/other`)
    rmSync(`${root}/run`)
    symlinkSync(`${dir}/other`, `${root}/run`)
    expect((await failureOf(() => prepare())).facts).toMatchObject({
      id: 'root.runtime-directory',
      found: `${dir}/other is no directory`,
    })
  })
})

test('the start lock has one holder, and ends with it', async () => {
  const release = await takeStartLock(`${dir}/lock`)
  const order: string[] = []
  const second = takeStartLock(`${dir}/lock`).then((releaseSecond) => {
    order.push('second')
    releaseSecond()
  })
  // a third who does not wait sees it held
  expect(() => execFileSync('flock', ['--nonblock', `${dir}/lock`, 'true'])).toThrow()
  order.push('first lets go')
  release()
  await second
  expect(order).toEqual(['first lets go', 'second'])
})

/** In a mount namespace whose /etc/passwd does not have the user: the machine's own is not touched. */
const WITHOUT_USER = `
set -eu
grep -v '^glasspod:' /etc/passwd > "$1/passwd"
mount --bind "$1/passwd" /etc/passwd
shift
exec "$@"`

test.skipIf(!isRoot)('without the system user, root is told to make it [needs root]', () => {
  const command = [process.execPath, new URL('../../bin/glasspod', import.meta.url).pathname, '--root', root, 'ps']
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', WITHOUT_USER, 'sh', dir, ...command], {
    encoding: 'utf8',
  })
  expect(status).toBe(125)
  expect(stderr).toContain('there is no system user glasspod   [rootless.user]')
  expect(existsSync(root)).toBe(false)
})

const readMap = (pid: number, file: 'uid_map' | 'gid_map') =>
  readFileSync(`/proc/${pid}/${file}`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))

/** Living processes of a user namespace: a count of zero is "no residue". */
const countMembers = (namespace: string) =>
  readdirSync('/proc').filter((pid) => {
    try {
      const identity = readIdentity(Number(pid))
      return readlinkSync(`/proc/${pid}/ns/user`) === namespace && identity !== undefined && isAlive(identity)
    } catch {
      return false
    }
  }).length

describe.skipIf(isRoot)('the holder', () => {
  const launch = async (agent: string[]) => {
    const runtimeDirectory = prepare()
    return { runtimeDirectory, note: await launchHolder({ root, runtimeDirectory, agent }) }
  }

  afterEach(async () => {
    if (existsSync(root)) await killNode(root)
  })

  test('has namespaces of its own, in which host 0 is not', async () => {
    const { runtimeDirectory, note } = await launch(['/bin/true'])
    expect(isAlive(note)).toBe(true)
    expect(readHolder(runtimeDirectory)).toEqual(note)
    for (const name of NAMESPACES) {
      expect(readlinkSync(`/proc/${note.pid}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`))
    }
    expect(readlinkSync(`/proc/${note.pid}/ns/net`)).toBe(readlinkSync('/proc/self/ns/net'))
    for (const [file, id] of [
      ['uid_map', process.getuid?.()],
      ['gid_map', process.getgid?.()],
    ] as const) {
      const ranges = readMap(note.pid, file)
      expect(ranges[0]).toEqual([0, id, 1])
      for (const [, outside = 0] of ranges) expect(outside).toBeGreaterThan(0)
      expect(ranges.reduce((sum, [, , count = 0]) => sum + count, 0)).toBe(note.mappedIds)
    }
  })

  test('records its cgroup, or why there is none', async () => {
    const { note } = await launch(['/bin/true'])
    const { base } = readDelegation()
    if (base === undefined) {
      expect(note.cgroup).toBeNull()
      expect(note.cgroupReason).toMatch(/cgroup/)
    } else {
      expect(note.cgroup).toMatch(/\/glasspod-[0-9a-f]{12}$/)
      expect(readFileSync(`${note.cgroup}/supervisor/cgroup.procs`, 'utf8').split('\n')).toContain(`${note.pid}`)
    }
  })

  test('starts the agent with what it needs, and again when asked', async () => {
    const script = `tr '\\0' '\\n' </proc/self/environ >>${dir}/env; id -u >>${dir}/ids`
    const { note } = await launch(['/bin/sh', '-c', script])
    const lines = (count: number) =>
      until({
        watched: [dir],
        timeoutMs: 5000,
        probe: () =>
          existsSync(`${dir}/ids`) && readFileSync(`${dir}/ids`, 'utf8') === '0\n'.repeat(count) ? true : undefined,
      })
    expect(await lines(1)).toBe(true)
    process.kill(note.pid, 'SIGUSR1')
    expect(await lines(2)).toBe(true)
    const env = readFileSync(`${dir}/env`, 'utf8')
    expect(env).toMatch(/^PATH=.*\/usr\/sbin/m)
    expect(env).toContain(`USER=${readUser().user}\n`)
    expect(env).not.toMatch(/VITEST|NODE_/)
  })

  test('killed, it leaves no process, no cgroup and no note', async () => {
    const { note, runtimeDirectory } = await launch(['/bin/sh', '-c', 'sleep 1000 & sleep 1000'])
    const namespace = readlinkSync(`/proc/${note.pid}/ns/user`)
    await killNode(root)
    expect(isAlive(note)).toBe(false)
    expect(countMembers(namespace)).toBe(0)
    expect(existsSync(noteFile(runtimeDirectory))).toBe(false)
    if (note.cgroup !== null) expect(existsSync(note.cgroup)).toBe(false)
  })

  test('a reset removes files of subordinate ids too', async () => {
    const { note } = await launch(['/bin/true'])
    mkdirSync(`${root}/layers/secret`, { recursive: true })
    const id = Math.min(note.mappedIds, 1001) - 1
    const inside = ['--user', '--mount', `--target=${note.pid}`, '--preserve-credentials', '--']
    execFileSync('nsenter', [
      ...inside,
      'sh',
      '-c',
      `touch ${root}/layers/secret/f && chown -R ${id}:${id} ${root}/layers && chmod 0500 ${root}/layers`,
    ])
    await resetRoot(root)
    expect(isAlive(note)).toBe(false)
    expect(readdirSync(dir)).toEqual([])
  })
})

/** An agent that listens where it should; argv of Node: agent.cjs --root ROOT. */
const AGENT = `
const { appendFileSync, realpathSync, renameSync, rmSync } = require('node:fs')
const root = process.argv[3]
const run = realpathSync(root + '/run')
const holder = JSON.parse(require('node:fs').readFileSync(run + '/holder.json'))
appendFileSync(root + '/starts', holder.pid + ' ' + process.ppid + '\\n')
rmSync(run + '/agent.sock', { force: true })
require('node:net').createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', () => process.exit(0))
}).listen(run + '/agent.tmp', () => renameSync(run + '/agent.tmp', run + '/agent.sock'))`

describe.skipIf(isRoot)('the agent', () => {
  const bundleOf = (buildId: string, agent: string) => {
    const directory = `${dir}/dist-${buildId}`
    mkdirSync(`${directory}/cni`, { recursive: true })
    writeFileSync(`${directory}/agent.cjs`, agent)
    writeFileSync(`${directory}/unpack.cjs`, '')
    writeFileSync(`${directory}/cni/bridge`, '#!/bin/sh\n')
    return { directory, buildId }
  }
  const starts = () => readFileSync(`${root}/starts`, 'utf8').trim().split('\n')

  beforeEach(() => prepare())
  afterEach(async () => {
    if (existsSync(layout(root).marker)) await resetRoot(root)
  })

  test('is not started where only a running one is wanted', async () => {
    expect(await ensureAgent({ root, start: false, bundle: bundleOf('one', AGENT) })).toBeUndefined()
    expect(readdirSync(root).sort()).toEqual(['glasspod-root', 'run'])
  })

  test('five who start it at once meet one agent of one holder', async () => {
    const bundle = bundleOf('one', AGENT)
    const agents = await Promise.all([1, 2, 3, 4, 5].map(() => ensureAgent({ root, start: true, bundle })))
    const directory = readlinkSync(`${root}/run`)
    expect(new Set(agents.map((agent) => agent?.socketPath))).toEqual(new Set([socketIn(directory)]))
    const pid = readHolder(directory)?.pid
    expect(starts()).toEqual([`${pid} ${pid}`])
  })

  test('is started in a root directory that was reset while it waited for the lock', async () => {
    const { marker, startLock } = layout(root)
    const bundle = bundleOf('one', AGENT)
    const release = await takeStartLock(startLock)
    const { ino } = statSync(startLock)
    const started = startAgent({ root, bundle })
    const waits = () => readFileSync('/proc/locks', 'utf8').split('\n').some((row) => row.includes('->') && row.includes(`:${ino} `)) // prettier-ignore
    await until({ watched: [], timeoutMs: patiently(10_000), probe: () => Promise.resolve(waits() || undefined) })
    rmSync(readlinkSync(`${root}/run`), { recursive: true })
    rmSync(root, { recursive: true })
    release()
    await started
    expect(existsSync(marker)).toBe(true)
    prepareRoot(root)
  })

  test('and the rest are reset once by two at the same time', async () => {
    await startAgent({ root, bundle: bundleOf('one', AGENT) })
    await Promise.all([resetRoot(root), resetRoot(root)])
    expect(existsSync(root)).toBe(false)
  })

  test('after its death the same holder starts it again', async () => {
    const bundle = bundleOf('one', AGENT)
    const first = await startAgent({ root, bundle })
    const before = starts()
    execFileSync(process.execPath, [
      '-e',
      `require('node:net').connect('${first.socketPath}').end('die').on('close', () => {}).resume()`,
    ])
    await ensureAgent({ root, start: true, bundle })
    expect(starts()).toEqual([...before, ...before])
  })

  test('after the death of all a new holder starts it', async () => {
    const bundle = bundleOf('one', AGENT)
    await startAgent({ root, bundle })
    const before = readHolder(readlinkSync(`${root}/run`))
    await killNode(root)
    await startAgent({ root, bundle })
    expect(readHolder(readlinkSync(`${root}/run`))?.pid).not.toBe(before?.pid)
    expect(starts()).toHaveLength(2)
  })

  test('the files of another build are put in place while the old agent runs', async () => {
    await startAgent({ root, bundle: bundleOf('one', AGENT) })
    await ensureAgent({ root, start: true, bundle: bundleOf('two', AGENT) })
    expect(readlinkSync(`${root}/lib/current`)).toBe('two')
    expect(readdirSync(`${root}/lib`).sort()).toEqual(['current', 'one', 'two'])
    await ensureAgent({ root, start: true, bundle: bundleOf('three', AGENT) })
    expect(readdirSync(`${root}/lib`).sort()).toEqual(['current', 'three', 'two'])
  })

  test('one that ends at once is a failure that quotes it, and leaves no holder', async () => {
    const bundle = bundleOf('bad', 'console.error("no such luck"); process.exit(1)')
    const { message, facts } = await failureOf(() => startAgent({ root, bundle }))
    expect(message).toBe(`the agent of ${root} ended before it answered`)
    expect(facts).toMatchObject({ id: 'agent.start', found: 'no such luck', try: `tail ${root}/agent.log` })
    expect(existsSync(noteFile(readlinkSync(`${root}/run`)))).toBe(false)
  })

  test('one too many is refused by the lock, whose holder is named', async () => {
    const other = spawn('flock', ['--no-fork', layout(root).lock, 'sh', '-c', 'echo; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await new Promise((resolve) => other.stdout.once('data', resolve))
    const { facts } = await failureOf(() => startAgent({ root, bundle: bundleOf('one', AGENT) }))
    expect(facts.found).toBe(`process ${other.pid} holds ${root}/lock: another agent of this root`)
    other.kill()
  })
})
