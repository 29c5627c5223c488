/** What is explained is what is done: the same steps, and under strace the same calls. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExplainedCall, ExplainedStep } from '../../runtime/see/explain.ts'
import { makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { findPrograms, walk, type Program, type Trace } from '../fixtures/strace.ts'
import { traceWhile } from '../fixtures/trace-while.ts'

const root = makeRoot()
let directory = ''
/** Which the system user may write too. */
let shared = ''

beforeAll(async () => {
  await root.seedImage()
  directory = mkdtempSync(`${tmpdir()}/glasspod-trace-`)
  shared = mkdtempSync(`${tmpdir()}/glasspod-shared-`)
  chmodSync(shared, 0o777)
})
afterAll(async () => {
  for (const path of [directory, shared]) rmSync(path, { recursive: true, force: true })
  await root.teardown()
})

const explain = async (...args: string[]): Promise<ExplainedStep[]> =>
  JSON.parse(await root.ok(['explain', '--format', 'json', ...args])) as ExplainedStep[]

const callsOf = (steps: readonly ExplainedStep[], id: string) => {
  const step = steps.find((candidate) => candidate.id === id)
  if (step?.inside === undefined) throw new Error(`no program is explained as ${id}`)
  return step.inside.flatMap(({ calls = [] }) => calls)
}

/** A program is called by its name alone, in its own directory. */
const programOf = (steps: readonly ExplainedStep[], id: string): string =>
  (steps.find((step) => step.id === id)?.text ?? '').replace(/ \S*\/(\w+)$/, ' ./$1')

/** An exec gets its id when it is made: the trace has it. */
const named = (calls: readonly ExplainedCall[], trace: Trace, program: Program | undefined): ExplainedCall[] => {
  const id = trace
    .get(program?.pid ?? 0)
    ?.map(({ text }) => /\/exec-([0-9a-f]{12})\//.exec(text)?.[1])
    .find((found) => found !== undefined)
  return calls.map((call) => ({ ...call, text: call.text.replaceAll('$EXEC_ID', id ?? '') }))
}

/** A pod with a volume of each kind. */
const writeManifest = (name: string): string => {
  const volumes = [
    { name: 'data', emptyDir: {} },
    { name: 'fast', emptyDir: { medium: 'Memory' } },
    { name: 'made', hostPath: { path: `${shared}/${name}/deep`, type: 'DirectoryOrCreate' } },
  ]
  const volumeMounts = volumes.map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` }))
  const containers = ['one', 'two'].map((container) => ({
    name: container,
    image: root.image,
    command: ['sleep', '1000'],
    volumeMounts,
  }))
  const file = `${directory}/${name}.json`
  writeFileSync(
    file,
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers, volumes } }),
  )
  return file
}

const DIRECTORY = /^mkdir(?:at)?\((?:AT_FDCWD, )?"([^"]+)", 0\d+\)$/

describe.runIf(['x64', 'arm64'].includes(process.arch))('under strace the calls made are the calls explained', () => {
  test('for the pause process, a container and an exec: number, order and arguments', async ({ skip }) => {
    await root.ok(['pod', 'create', '--name', 'pod'])
    const flags = [
      '--name',
      'traced',
      '--pod',
      'pod',
      '--user',
      '33',
      '--ulimit',
      'nofile=100:200',
      '--workdir',
      '/tmp',
    ]
    await root.ok([
      'create',
      ...flags,
      '--tmpfs',
      '/scratch',
      root.image,
      'sh',
      '-c',
      'echo out; echo err 1>&2; exec sleep 1000',
    ])
    const agent = await readAgentPid(root)
    const starting = [...(await explain('pod', 'start', 'pod')), ...(await explain('start', 'traced'))]
    const executing: ExplainedStep[] = []
    const run = await traceWhile(agent, directory, async () => {
      await root.ok(['start', 'traced'])
      executing.push(...(await explain('exec', '--env', 'A=b', 'traced', 'echo', 'hello')))
      expect(await root.ok(['exec', '--env', 'A=b', 'traced', 'echo', 'hello'])).toBe('hello')
      await root.ok(['stop', '-t', '0', 'traced'])
    })
    if (run === undefined) return skip('missing capability: ptrace of own processes')

    const [pause] = findPrograms(run, 'pause')
    expect(pause?.commands).toEqual([programOf(starting, 'pod.pause')])
    const paused = walk(callsOf(starting, 'pod.pause'), run, pause)
    expect(paused.ends).toEqual(['rt_sigtimedwait'])
    expect(paused.calls).toBeGreaterThan(10)

    const programs = findPrograms(run, 'init')
    const container = programs.find(({ commands }) => commands.length > 0)
    expect(container?.commands).toEqual([
      programOf(starting, 'container.init').replaceAll('$POD_PAUSE', `${pause?.pid}`),
    ])
    const started = walk(callsOf(starting, 'container.init'), run, container)
    // The container, two pumps, the monitor: each to its end.
    expect(started.ends.toSorted()).toEqual(['execve', 'exit_group', 'exit_group', 'exit_group'])
    expect(started.calls).toBeGreaterThan(200)

    const exec = programs.find(({ commands }) => commands.length === 0)
    const executed = walk(named(callsOf(executing, 'exec.init'), run, exec), run, exec)
    expect(executed.ends.toSorted()).toEqual(['execve', 'exit_group', 'exit_group', 'exit_group'])
  })

  test('for play: the directories that the agent makes, its volumes too, and the programs', async ({ skip }) => {
    const file = writeManifest('played')
    const steps = await explain('play', file)
    const run = await traceWhile(await readAgentPid(root), mkdtempSync(`${directory}/`), async () => {
      await root.ok(['play', file])
    })
    if (run === undefined) {
      await root.ok(['down', '-t', '0', file])
      return skip('missing capability: ptrace of own processes')
    }
    const [pod] = JSON.parse(await root.ok(['pod', 'inspect', 'played'])) as { Id: string }[]
    const ids = new Map([['$POD_ID', pod?.Id ?? '']])
    for (const [name, variable] of [
      ['played-one', '$CONTAINER_ID'],
      ['played-two', '$CONTAINER2_ID'],
    ] as const)
      ids.set(variable, (await root.inspect(name)).Id)
    const bind = (text: string) => [...ids].reduce((bound, [variable, id]) => bound.replaceAll(variable, id), text)
    const isOurs = (path: string) => path.startsWith(root.dir) || path.startsWith(shared)

    const calls = [...run.values()].flat()
    const made = calls.flatMap(({ text, result }) => (result === 0 ? (DIRECTORY.exec(text)?.[1] ?? []) : []))
    const explained = steps.filter(({ kind }) => kind === 'mkdir').map(({ text }) => bind(text.split(' ').at(-1) ?? ''))
    // mkdir -p makes what is above it, too: the directory of each container
    const told = explained.flatMap((path) => (path.endsWith('/upper') ? [dirname(path), path] : [path]))
    expect(made.filter(isOurs)).toEqual(told.filter(isOurs))
    const volume = explained.find((path) => path.endsWith('/volumes/data')) ?? ''
    expect(statSync(volume).mode & 0o777).toBe(0o777)
    expect(findPrograms(run, 'init').length).toBe(2)
    const starts = steps.filter(({ id }) => id === 'container.init')
    expect(starts.length).toBe(2)
    await root.ok(['down', '-t', '0', file])
  })

  test('with a terminal, a moved root, a shared disk and a command that PATH has nowhere', async ({ skip }) => {
    const flags = ['--tty', '--no-pivot', '--read-only', '--security-opt', 'no-new-privileges', '-v', '/etc:/host:ro']
    await root.ok(['create', '--name', 'odd', '--network', 'none', ...flags, root.image, 'no-such-command'])
    const starting = await explain('start', 'odd')
    const run = await traceWhile(await readAgentPid(root), mkdtempSync(`${directory}/`), async () => {
      expect((await root.glasspod(['start', 'odd'])).exitCode).toBe(127)
    })
    await root.ok(['rm', 'odd'])
    if (run === undefined) return skip('missing capability: ptrace of own processes')
    const [container] = findPrograms(run, 'init')
    const { ends } = walk(callsOf(starting, 'container.init'), run, container)
    // The pump of what is typed waits until the monitor ends it; the container told of the failure, and ended.
    expect(ends.toSorted()).toEqual(['exit_group', 'exit_group', 'exit_group', 'read'])
  })
})

interface Event {
  list?: number
  steps?: ExplainedStep[]
  done?: number
  group?: number
  micros?: number
  failed?: number
  message?: string
}

const eventsOf = (stderr: string): Event[] =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event)

const idsOf = (steps: readonly ExplainedStep[]): string[] =>
  steps.flatMap(({ id, inside = [] }) => [id, ...inside.map((inner) => `${id} ${inner.id}`)])

describe('--explain', () => {
  const FLAGS = ['--rm', '--network', 'none']

  test('tells on standard error the steps that explain has told before, and standard output stays clean', async () => {
    const told = await explain('run', ...FLAGS, root.image, 'echo', 'hi')
    const { stdout, stderr, exitCode } = await root.run(['--explain', '--format', 'json', ...FLAGS], ['echo', 'hi'])
    expect({ stdout, exitCode }).toEqual({ stdout: 'hi', exitCode: 0 })
    const steps = eventsOf(stderr).flatMap((event) => event.steps ?? [])
    expect(idsOf(steps)).toEqual(idsOf(told))
  })

  test('tells for restart and down what explain has told', async () => {
    const toldBy = async (args: readonly string[]) => {
      const { stderr, exitCode } = await root.glasspod(args)
      expect(exitCode).toBe(0)
      return idsOf(eventsOf(stderr).flatMap((event) => event.steps ?? [])).sort()
    }
    const json = ['--explain', '--format', 'json']
    await root.ok(['run', '-d', '--name', 'again', '--network', 'none', root.image, 'sleep', '1000'])
    const restart = await explain('restart', '-t', '0', 'again')
    expect(await toldBy(['restart', ...json, '-t', '0', 'again'])).toEqual(idsOf(restart).sort())
    await root.ok(['rm', '-f', 'again'])

    const file = writeManifest('told')
    const play = await explain('play', file)
    expect(idsOf(play)).toEqual(
      expect.arrayContaining(['play.host-path', 'pod.volumes', 'pod.empty-dir', 'pod.volume']),
    )
    expect(existsSync(`${shared}/told`)).toBe(false)
    expect(await toldBy(['play', ...json, file])).toEqual(idsOf(play).sort())
    expect(existsSync(`${shared}/told/deep`)).toBe(true)
    // once more in its place: nothing is missing now, and what goes first is told first
    const again = await explain('play', '--replace', file)
    expect(again.map(({ id }) => id).slice(0, 2)).toEqual(['container.kill', 'container.files'])
    expect(again.filter(({ id }) => id === 'play.host-path')).toEqual([])
    const down = await explain('down', '-t', '0', file)
    expect(await toldBy(['down', ...json, '-t', '0', file])).toEqual(idsOf(down).sort())
  })

  test('says of each step that it is made, and in how many microseconds', async () => {
    const { stderr } = await root.run(['--explain', ...FLAGS], ['true'])
    const heads = stderr.split('\n').filter((line) => /^[✔✘]/.test(line))
    expect(heads.filter((line) => line.startsWith('✘'))).toEqual([])
    const untimed = heads.filter((line) => !/ [\d,]+ µs$/.test(line)).map((line) => line.split(' ')[2])
    // Their programs never come back from them.
    expect(untimed).toEqual(['pause.wait', 'process.exec'])
    expect(heads.map((line) => line.split(' ')[2])).toEqual(
      expect.arrayContaining([
        'container.upper',
        'pod.pause',
        'rootfs.pivot',
        'process.seccomp',
        'container.init',
        'pod.end',
      ]),
    )
    expect(Math.max(...stderr.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  test('tells as strace would, or draws it when it is over', async () => {
    const strace = await root.run(['--explain', '--format', 'strace', ...FLAGS], ['true'])
    expect(strace.exitCode).toBe(0)
    expect(strace.stderr).toMatch(/^# [\d.]+ rootfs\.pivot .*\n(.*\n)*?pivot_root\("\.", "\."\)/m)
    const mermaid = await root.run(['--explain', '--format', 'mermaid', ...FLAGS], ['no-such-command'])
    expect(mermaid.exitCode).toBe(127)
    expect(mermaid.stderr).toMatch(/^flowchart /m)
    expect(mermaid.stderr).toContain('["✔ rootfs.pivot')
    expect(mermaid.stderr).toContain('["✘ container.init')
  })

  test('marks the step that fails, and the error names it', async () => {
    const { stderr, exitCode } = await root.run(['--explain', ...FLAGS], ['no-such-command'])
    expect(exitCode).toBe(127)
    expect(stderr).toMatch(/^✘ \d+ container\.init/m)
    expect(stderr).toMatch(/^error: .*\[process\.exec\]$/m)
  })

  test('is there for pull, exec, stop, kill, rm and pods too', async () => {
    const ids = async (...args: string[]) => {
      const { stderr, exitCode } = await root.glasspod([
        ...args.slice(0, 1),
        '--explain',
        '--format=json',
        ...args.slice(1),
      ])
      expect({ args, exitCode }).toEqual({ args, exitCode: 0 })
      return eventsOf(stderr).flatMap((event) => event.steps?.map(({ id }) => id) ?? [])
    }
    expect(await ids('pull', root.image)).toEqual(['image.manifest', 'image.config', 'image.layers', 'image.name'])
    await root.ok(['run', '-d', '--name', 'long', '--network', 'none', root.image, 'sleep', '1000'])
    expect(await ids('exec', 'long', 'true')).toEqual(['exec.directory', 'exec.log', 'exec.init'])
    expect((await ids('stop', '-t', '0', 'long')).slice(0, 3)).toEqual([
      'container.signal',
      'container.wait',
      'container.kill',
    ])
    expect(await ids('start', 'long')).toContain('container.init')
    expect(await ids('kill', '-s', 'WINCH', 'long')).toEqual(['container.signal'])
    const removed = await ids('rm', '-f', 'long')
    expect(removed[0]).toBe('container.kill')
    expect(removed).toContain('container.files')
    expect(await ids('create', '--name', 'made', root.image)).toContain('container.record')
    await root.ok(['rm', 'made'])
  })
})

describe('explain', () => {
  test('of any verb does nothing', async () => {
    await root.ok(['run', '-d', '--name', 'kept', '--network', 'none', root.image, 'sleep', '1000'])
    const before = await root.inspect('kept')
    const residue = await root.residue()
    for (const words of [
      ['stop', 'kept'],
      ['kill', 'kept'],
      ['rm', '-f', 'kept'],
      ['exec', 'kept', 'true'],
      ['run', root.image, 'true'],
      ['create', root.image],
      ['pod', 'create'],
      ['pull', root.image],
    ])
      expect((await explain(...words)).length).toBeGreaterThan(0)
    expect(await root.residue()).toEqual(residue)
    expect((await root.inspect('kept')).State).toEqual(before.State)
    await root.ok(['rm', '-f', 'kept'])
  })

  test('of rootless tells the steps that have made this node', async () => {
    const steps = await explain('rootless')
    const ids = steps.map(({ id }) => id).filter((id) => !/^(root|node\.c)/.test(id))
    expect(ids).toEqual(['node.holder', 'node.agent', 'node.network', 'node.guard', 'node.uplink'])
    const note = JSON.parse(readFileSync(`${root.dir}/run/holder.json`, 'utf8')) as {
      pid: number
      cgroup: string | null
    }
    const find = (id: string) => steps.find((step) => step.id === id)
    const holder = find('node.holder')
    // The id map that it says, and the one that the kernel has.
    const auto = holder?.text.includes('--map-auto') === true
    expect(readFileSync(`/proc/${note.pid}/uid_map`, 'utf8').trim().split('\n').length > 1).toBe(auto)
    // Its program executes this agent.
    const agent = await readAgentPid(root)
    const words = readFileSync(`/proc/${agent}/cmdline`, 'utf8')
      .split('\0')
      .filter((word) => word !== '')
    const executed = holder?.inside?.flatMap(({ calls = [] }) => calls).find(({ text }) => text.startsWith('execve('))
    expect(words.filter((word) => executed?.text.includes(JSON.stringify(word)) !== true)).toEqual([])
    expect(find('node.cgroup')?.text).toBe(note.cgroup === null ? undefined : `mkdir -p ${note.cgroup}/supervisor`)
    expect((await root.glasspod(['explain', 'rootless', 'x'])).stderr).toContain('not "rootless x"')
  })

  test('gives every step a reason, a man page, what is done, what shows it and what takes it back', async () => {
    const steps = [
      ...(await explain('rootless')),
      ...(await explain(
        'run',
        '--read-only',
        '-it',
        '--security-opt',
        'no-new-privileges',
        '--workdir',
        '/x',
        root.image,
        'true',
      )),
      ...(await explain('run', '-i', '--no-pivot', '--ulimit', 'nofile=9', '-v', '/etc:/host', root.image, 'true')),
      ...(await explain('play', writeManifest('every'))),
      ...(await explain('pull', 'oci-archive:x.tar')),
      ...(await explain('pod', 'create')),
    ]
    const all = steps.flatMap((step) => [step, ...(step.inside ?? [])])
    expect(
      all.filter(
        ({ why, man, text, see, undo }) =>
          !/^[\w.-]+\(\d\)$/.test(man) || ![why, text, see, undo].every(Boolean) || /\brm \/sys\/fs\/cgroup/.test(undo),
      ),
    ).toEqual([])
    expect(all.length).toBeGreaterThan(100)
  })
})
