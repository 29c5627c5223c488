import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { Failure } from '../../runtime/errors.ts'
import { calls, type Call } from '../../runtime/init/call.ts'
import { AT_FDCWD, flags } from '../../runtime/init/uapi.ts'
import { isAlive, readComm, readIdentity } from '../../runtime/kernel/processes.ts'
import { launchProgram, type Launch } from '../../runtime/launch.ts'
import { planExecute } from '../../runtime/plan/execve.ts'
import { planAwaitAgent, planFatal, planTellPid, STATUS_FD } from '../../runtime/plan/monitor.ts'
import { useDirectory } from './agent/temporary.ts'

const { fresh } = useDirectory()
const call = calls('test.step', 'syscalls(2)')
const exit = call('exit_group', [0])

const launch = async (list: Call[], more: Partial<Launch> = {}) => {
  const directory = fresh()
  mkdirSync(directory)
  try {
    return await launchProgram({ prefix: [], calls: [...list, ...planFatal()], file: `${directory}/program`, ...more })
  } finally {
    expect(readdirSync(directory)).toEqual([])
  }
}
const refused = async (list: Call[], more?: Partial<Launch>): Promise<Failure> => {
  const error: unknown = await launch(list, more).catch((reason: unknown) => reason)
  if (error instanceof Failure) return error
  throw new Error(`no Failure: ${String(error)}`)
}
const execute = (args: string[], env = ['PATH=/usr/bin:/bin'], cwd = '/') => [
  ...planTellPid(),
  ...planExecute({ args, env, cwd }),
]

describe('a program that is launched', () => {
  it('tells the pid that it has here, while it runs', async () => {
    let comm: string | undefined
    let status: boolean | undefined
    const pid = await launch([...planTellPid(), ...planAwaitAgent(), exit], {
      onPid: (told, socket) => {
        comm = readComm(told)
        status = socket.write('g')
      },
    })
    expect([pid > 1, comm, status]).toEqual([true, 'program', true])
  })

  it('is done when it has become another', async () => {
    const pid = await launch(execute(['sleep', '1000']))
    expect(readComm(pid)).toBe('sleep')
    process.kill(pid, 'SIGKILL')
  })

  it('runs behind what runs it', async () => {
    const seen: string[] = []
    await launch([...planTellPid(), exit], { prefix: ['env', '-i', '--'], onPid: (pid) => seen.push(`${pid}`) })
    expect(seen).toHaveLength(1)
  })

  it('has the environment that it is given', async () => {
    const { message } = await refused([...planTellPid(), exit], {
      prefix: ['sh', '-c', 'echo "sh: mark is $MARK" >&2; exit 1'],
      env: { PATH: process.env['PATH'], MARK: 'here' },
    })
    expect(message).toBe('sh: mark is here')
  })

  it('is its own session’s: a signal to ours does not reach it', async () => {
    const pid = await launch(execute(['sleep', '1000']))
    const group = spawnSync('ps', ['-o', 'pgid=', '-p', `${pid}`], { encoding: 'utf8' }).stdout.trim()
    process.kill(pid, 'SIGKILL')
    expect(group).toBe(`${pid}`)
  })
})

describe('a call that fails', () => {
  it('is named with its step, its object, its error and its man page', async () => {
    const mkdir = calls('bundle.directories', 'mkdir(2)')('mkdirat', [AT_FDCWD, '/proc/none/x', 0o755])
    expect(await refused([...planTellPid(), mkdir, exit])).toMatchObject({
      message: 'mkdirat /proc/none/x: ENOENT (no such file or directory)',
      facts: { id: 'bundle.directories', see: 'mkdir(2)' },
    })
  })

  it('before the pid is told is named too', async () => {
    expect((await refused([call('chdir', ['/none']), ...planTellPid()])).message).toBe(
      'chdir /none: ENOENT (no such file or directory)',
    )
  })

  it('without a text is named by its step', async () => {
    expect((await refused([...planTellPid(), call('close', [999])])).message).toBe('close test.step: EBADF')
  })

  it('says on what it failed, not what it wrote', async () => {
    const write = calls('cgroups.enter', 'cgroups(7)')('write', [999, '0', 1])
    expect((await refused([...planTellPid(), write])).message).toContain('cgroups.enter')
  })

  it('has the hint of its step', async () => {
    const proc = calls('mounts.proc', 'proc(5)')('mount', ['none', '/', 'proc', 0, 0])
    const { facts } = await refused([
      ...planTellPid(),
      call('setresuid', [65534, 65534, 65534], '', { tolerate: 'any' }),
      proc,
    ])
    expect(facts.try).toMatch(/^# run outside the container you are in/)
  })
})

/** A file of this machine's /proc that a PID namespace of one's own makes writable, where the kernel has CONFIG_CHECKPOINT_RESTORE. */
const LAST_PID = '/proc/sys/kernel/ns_last_pid'
const OWN_PIDS = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
const canSetPid = spawnSync(OWN_PIDS[0] ?? '', [...OWN_PIDS.slice(1), 'sh', '-c', `echo 300 >${LAST_PID}`]).status === 0

describe.runIf(canSetPid)('where pids wrap around [needs a pid namespace of one’s own, ns_last_pid]', () => {
  const wrap = calls('test.wrap', 'proc(5)')
  const monitor = calls('test.monitor', 'wait(2)')
  const list = [
    wrap('openat', [AT_FDCWD, LAST_PID, flags('O_WRONLY', 'O_CLOEXEC'), 0], '', { result: { at: 'last' } }),
    wrap('write', [{ load: 'last' }, '300', 3]),
    wrap('clone', [flags('SIGCHLD'), 0, 0, 0, 0], '', { onZero: 'inside' }),
    monitor('close_range', [STATUS_FD, STATUS_FD, 0]),
    monitor('wait4', [{ name: '-1', value: 0xffffffff }, 0, 0, 0]),
    monitor('exit_group', [0]),
    { ...call('setsid', []), label: 'inside' },
    ...planTellPid(),
    exit,
  ]

  it('a process is asked about by its own pid, though its parent’s has more digits', async () => {
    const asked: number[] = []
    const pid = await launch(list, {
      prefix: [...OWN_PIDS, 'sh', '-c', `echo 12344 >${LAST_PID}; "$0"; exit`],
      onDone: () => undefined,
      onBefore: ({ pid }) => {
        asked.push(pid)
        return Promise.resolve(true)
      },
    })
    expect([asked[0], new Set(asked.slice(1))]).toEqual([12345, new Set([301])])
    expect(pid).toBe(301)
  })
})

describe('a program that cannot be executed', () => {
  it.each([
    [['nonesuch'], 127, 'execute "nonesuch": not found in $PATH of the container'],
    [['/none/such'], 127, 'execute "/none/such": ENOENT (no such file or directory)'],
    [['/etc/passwd/x'], 127, 'execute "/etc/passwd/x": ENOTDIR (not a directory)'],
    [['/etc/passwd'], 126, 'execute "/etc/passwd": EACCES (permission denied)'],
    [['/tmp'], 126, 'execute "/tmp": EACCES (permission denied)'],
    [['\x1b[31m'], 127, 'execute "\\u001b[31m": not found in $PATH of the container'],
  ])('%j is %i', async (args, exitCode, message) => {
    const failure = await refused(execute(args))
    expect(failure.message).toBe(message)
    expect(failure.facts).toMatchObject({ id: 'process.exec', exitCode, status: 400 })
  })

  it('because it is no program is told so', async () => {
    const path = fresh()
    writeFileSync(path, 'text')
    chmodSync(path, 0o755)
    const { message, facts } = await refused(execute([path]))
    expect(message).toBe(`execute "${path}": ENOEXEC (not an executable format)`)
    expect([facts.exitCode, facts.why]).toEqual([
      126,
      'it is neither an executable of this machine nor a script with #! in its first line',
    ])
  })

  it('is 126 when PATH has it, but not as a program', async () => {
    const directory = fresh()
    mkdirSync(directory)
    writeFileSync(`${directory}/data`, '')
    expect((await refused(execute(['data'], [`PATH=/none:${directory}:/nowhere`]))).facts.exitCode).toBe(126)
  })

  it('is found behind one that may not be executed', async () => {
    const directory = fresh()
    mkdirSync(directory)
    writeFileSync(`${directory}/true`, '')
    expect(await launch(execute(['true'], [`PATH=/etc/passwd:${directory}:/usr/bin:/bin`]))).toBeGreaterThan(1)
  })

  it('because its directory is missing says which', async () => {
    const failure = await refused(execute(['true'], undefined, '/none'))
    expect([failure.facts.id, failure.message]).toEqual([
      'process.cwd',
      'chdir /none: ENOENT (no such file or directory)',
    ])
  })
})

describe('what runs the program', () => {
  it('is named when it is missing, with what to install', async () => {
    const { message, facts } = await refused([exit], { prefix: ['unshare-none'] })
    expect(message).toBe('start unshare-none: ENOENT')
    expect(facts).toMatchObject({ id: 'process.spawn', try: 'install the package that has unshare-none (util-linux)' })
  })

  it('has its own words shown', async () => {
    const { message, facts } = await refused([exit], { prefix: ['nsenter', '--net=/none', '--'] })
    expect(message).toBe('nsenter: cannot open /none: No such file or directory')
    expect(facts.id).toBe('process.nsenter')
  })

  it('has a hint where it is known', async () => {
    const { message, facts } = await refused([exit], {
      prefix: ['sh', '-c', 'echo "sh: newuidmap: uid range not allowed" >&2; exit 1'],
    })
    expect([message, facts.id]).toEqual(['sh: newuidmap: uid range not allowed', 'process.sh'])
  })

  it('is known to have failed, though a helper that it forgot keeps the status open, and the helper ends', async () => {
    const { message } = await refused([exit], { prefix: ['sh', '-c', 'sleep 1000 & echo "sh: helper $!" >&2; exit 1'] })
    const helper = Number(/^sh: helper (\d+)$/.exec(message)?.[1])
    const identity = readIdentity(helper)
    await vi.waitFor(() => expect(identity !== undefined && isAlive(identity)).toBe(false))
  })

  it('has its end told when it says nothing', async () => {
    expect((await refused([exit], { prefix: ['sh', '-c', 'exit 5'] })).message).toBe('sh: exit code 5')
    expect((await refused([exit], { prefix: ['sh', '-c', 'kill -9 $$'] })).message).toBe('sh: SIGKILL')
  })

  it('has hints under its name, wherever it lies', async () => {
    const directory = fresh()
    mkdirSync(directory)
    writeFileSync(
      `${directory}/unshare`,
      '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n',
      {
        mode: 0o755,
      },
    )
    const { message, facts } = await refused([exit], {
      prefix: ['unshare'],
      env: { PATH: `${directory}:/usr/bin:/bin` },
    })
    expect(message).toBe('unshare: unshare failed: Operation not permitted')
    expect(facts.see).toMatch(/^user_namespaces\(7\)/)
  })

  it('cannot be executed: the file is named', async () => {
    const path = fresh()
    writeFileSync(path, '')
    expect((await refused([exit], { prefix: [path] })).message).toBe(`start ${path}: EACCES`)
  })
})
