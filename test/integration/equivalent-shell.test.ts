/** The script that `--dry-run=sh` prints makes the same container as glasspod does, and calls neither glasspod nor node. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDelegation } from '../../runtime/rootless/cgroup-delegation.ts'
import type { ExplainedStep } from '../../runtime/see/explain.ts'
import { delegate } from '../fixtures/delegation.ts'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()
const isRoot = process.getuid?.() === 0
let work = ''

beforeAll(async () => {
  await root.seedImage()
  work = mkdtempSync('/tmp/gp-shell-')
  chmodSync(work, 0o777)
})
afterAll(async () => {
  rmSync(work, { recursive: true, force: true })
  await root.teardown()
})

/** What a container can say of itself, a fact a line. */
const TELL = [
  'for kind in user ipc uts net cgroup mnt pid; do echo "ns $kind $(readlink /proc/self/ns/$kind)"; done',
  'sed "s/^/mount /" /proc/self/mountinfo',
  'grep -E "^(Cap|NoNewPrivs|Uid|Gid|Groups|Umask)" /proc/self/status',
  'sed "s/^/limit /" /proc/self/limits',
  'sed "s/^/cgroup /" /proc/self/cgroup',
  'env | sort | sed "s/^/env /"',
  'echo "cwd $(pwd)"; echo "host $(hostname)"; echo "pid $$"',
  'ip address show | grep -E "inet |mtu" | sed "s/^[0-9]*: //; s/@[^:]*//"',
  'ip route | sed "s/^/route /"',
  'ls /dev | sed "s/^/dev /"',
  'for file in memory.max pids.max cpu.max; do [ ! -e /sys/fs/cgroup/$file ] || echo "$file $(cat /sys/fs/cgroup/$file)"; done',
  // a leaf with nobody else in it, where a script can have one
  ...(isRoot || readDelegation().base === undefined
    ? []
    : ['echo "in the leaf: $(sort /sys/fs/cgroup/cgroup.procs | head -n 1)"']),
].join('; ')

/** Numbers of this run, directories of this run: what stays is the container. */
const normalise = (text: string): string[] => {
  const lines = text.split('\n').map((line) => {
    if (line.startsWith('ns ')) {
      const [, kind = '', link] = line.split(' ')
      return `ns ${kind} is ${link === readlinkSync(`/proc/self/ns/${kind}`) ? 'the host’s' : 'another'}`
    }
    if (line.startsWith('mount ')) {
      const [, , , , from = '', at = '', options = '', ...rest] = line.split(' ')
      const [type = '', , superOptions = ''] = rest.slice(rest.indexOf('-') + 1)
      const kept = superOptions.replace(/(upperdir|workdir)=[^,]*/g, '$1=DIR')
      // where in the hierarchy its own cgroup is depends on what is delegated
      if (type.startsWith('cgroup')) return `mount at ${at}: ${type} ${options}; ${superOptions}`
      return `mount ${from.replace(/^.*\/(hosts|hostname|resolv\.conf)$/, '$1')} at ${at}: ${type} ${options}; ${kept}`
    }
    return line.replace(/\b[0-9a-f]{12}\b/g, 'ID').replace(/10\.88\.\d+\.\d+\/16/, 'ADDRESS')
  })
  // glasspod opens its mounts in another order than it attaches them, and the kernel lists them as they were opened
  const isMount = (line: string) => line.startsWith('mount ')
  return [...lines.filter(isMount).sort(), ...lines.filter((line) => !isMount(line))]
}

const scriptOf = async (flags: readonly string[], command: readonly string[]): Promise<string> => {
  const text = await root.ok(['run', '--rm', '--dry-run=sh', ...flags, root.image, ...command])
  const file = `${work}/script.sh`
  writeFileSync(file, `${text}\n`, { mode: 0o644 })
  return file
}

/** As the user whose layers they are: started by root, that is the system user. */
const runScript = (file: string, env: Record<string, string> = {}, prefix: readonly string[] = []) => {
  const become = isRoot ? ['/usr/bin/setpriv', '--reuid', 'glasspod', '--regid', 'glasspod', '--init-groups', '--'] : []
  const [program = '', ...args] = [...become, ...prefix, '/bin/sh', file]
  return execa(program, args, { reject: false, stdin: 'ignore', cwd: '/', env: { TMPDIR: work, ...env } })
}

const VARIANTS: readonly (readonly [what: string, flags: readonly string[]])[] = [
  ['nothing asked for', ['--network', 'none']],
  ['a bridge', []],
  ['the network of the host', ['--network', 'host']],
  [
    'variables, a directory, limits, a name',
    ['--network', 'none', '-e', "A=it's $HOME", '-w', '/a/new/place', '--ulimit', 'nofile=100:200', '-h', 'box'],
  ],
  ['a user', ['--network', 'none', '-u', '33:34']],
  [
    'fewer capabilities, and no new ones',
    ['--network', 'none', '--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--security-opt', 'no-new-privileges'],
  ],
  ['a volume and a tmpfs', ['--network', 'none', '-v', '/usr/share:/data:ro', '--tmpfs', '/scratch:size=1m']],
  ['a read-only root', ['--network', 'none', '--read-only']],
]

describe('the script and glasspod make the same container', () => {
  test.each(VARIANTS)('with %s', async (_, flags) => {
    const command = ['sh', '-c', TELL]
    const ours = await root.run(['--rm', ...flags], command)
    expect(ours).toMatchObject({ exitCode: 0, stderr: '' })
    const theirs = await runScript(await scriptOf(flags, command))
    expect(theirs).toMatchObject({ exitCode: 0, stderr: '' })
    expect(normalise(theirs.stdout)).toEqual(normalise(ours.stdout))
  })

  const prefix = delegate(['cpu', 'memory', 'pids'])
  test.runIf(prefix !== undefined)('with limits of its cgroup [needs cpu, memory and pids delegated]', async () => {
    const flags = ['--network', 'none', '--memory', '64m', '--pids-limit', '9', '--cpus', '0.5']
    const command = ['sh', '-c', TELL]
    const ours = await root.run(['--rm', ...flags], command)
    const theirs = await runScript(await scriptOf(flags, command), {}, prefix)
    expect(theirs).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ours.stdout).toContain('memory.max 67108864\npids.max 9\ncpu.max 50000 100000')
    expect(normalise(theirs.stdout)).toEqual(normalise(ours.stdout))
  })

  test('to the exit code: of a program, of one that is missing, of one that is none', async () => {
    for (const command of [['sh', '-c', 'exit 3'], ['nowhere'], ['/etc/passwd'], ['sh', '-c', 'kill -KILL $$']]) {
      const { exitCode } = await root.run(['--rm', '--network', 'none'], command)
      const file = await scriptOf(['--network', 'none'], command)
      // process 1 of a PID namespace ignores what it sends itself: there both go on to the end
      expect({ command, exitCode: (await runScript(file)).exitCode }).toEqual({ command, exitCode })
    }
  })
})

describe('the script', () => {
  test('is POSIX without a complaint of ShellCheck, calls neither glasspod nor node, and leaves nothing', async () => {
    const file = await scriptOf(['-v', '/usr/share:/data', '-u', '33'], ['echo', 'hello'])
    expect((await execa('shellcheck', ['-s', 'sh', file], { reject: false })).stdout).toBe('')
    const commands = execFileSync('sed', ['s/#.*//', file], { encoding: 'utf8' })
    expect(commands).not.toMatch(/(^|[;&|(]|\$\()\s*(\S*\/)?(glasspod|node)\s/m)
    expect((await runScript(file)).stdout).toBe('hello')
    expect(readdirSync(work)).toEqual(['script.sh'])
  })

  test('needs util-linux, iproute2, one static busybox, and what every system has', async () => {
    const utilLinux = ['unshare', 'nsenter', 'setpriv', 'prlimit', 'mount', 'umount', 'findmnt']
    const always = [
      'sh',
      'cat',
      'chmod',
      'find',
      'grep',
      'id',
      'ldd',
      'ln',
      'mkdir',
      'mktemp',
      'readlink',
      'rm',
      'rmdir',
    ]
    const programs = [...utilLinux, 'ip', 'busybox', ...always, 'sed', 'sleep', 'newuidmap', 'newgidmap']
    const bin = mkdtempSync('/tmp/gp-bin-')
    chmodSync(bin, 0o755)
    try {
      for (const name of programs)
        symlinkSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(), `${bin}/${name}`)
      const file = await scriptOf(['-h', 'box'], ['hostname'])
      const text = readFileSync(file, 'utf8').replace('PATH=$PATH:/usr/sbin:/sbin\n', '')
      writeFileSync(file, text)
      expect(await runScript(file, { PATH: bin })).toMatchObject({ exitCode: 0, stderr: '', stdout: 'box' })
    } finally {
      rmSync(bin, { recursive: true })
    }
  })

  test('has the name and the reason of every step, and says at a step what a shell cannot do', async () => {
    const flags = ['-v', '/usr/share:/data', '--ulimit', 'nofile=100']
    const text = readFileSync(await scriptOf(flags, ['true']), 'utf8').replaceAll(/\n *# /g, ' ')
    const steps = JSON.parse(
      await root.ok(['explain', '--format', 'json', 'run', ...flags, root.image, 'true']),
    ) as (ExplainedStep & { when: string })[]
    const ids = steps
      .filter(({ when }) => when === 'now')
      .flatMap(({ id, inside = [] }) => [id, ...inside.map((inner) => inner.id)])
    // what tells the agent that something failed makes nothing, and devices have a step each
    const missing = ids.filter((id) => !text.includes(` ${id}: `))
    expect(new Set(missing)).toEqual(new Set(['status.failure', 'devices.open']))
    expect(text).toContain(' devices.null: ')
    expect(text).toMatch(/ process\.seccomp: [^#]*\(not by hand: setpriv\(1\) loads a filter from util-linux 2\.41 on/)
    expect(text).toMatch(/A link of the image on the way could lead to the host; [^#]* a shell can only refuse\./)
  })

  test('takes all back when it is interrupted', async () => {
    const file = await scriptOf(['--network', 'none'], ['sh', '-c', 'echo ready; exec sleep 1000'])
    const running = runScript(file)
    await new Promise((resolve) => running.stdout.once('data', resolve))
    running.kill('SIGTERM')
    expect((await running).exitCode).toBe(143)
    expect(readdirSync(work)).toEqual(['script.sh'])
  })

  test('is refused where somebody would have to start it again', async () => {
    const { exitCode, stderr } = await root.glasspod(['run', '--dry-run=sh', '--restart', 'always', root.image, 'true'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: --restart always is the agent’s work, and the script makes one run/)
  })

  test('is refused for a pod that is there, and nothing of a container is made', async () => {
    await root.ok(['pod', 'create', '--name', 'there'])
    const { exitCode, stderr } = await root.glasspod(['run', '--dry-run=sh', '--pod', 'there', root.image, 'true'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: --dry-run=sh makes a pod of its own, and --pod there asks for one that is there/)
    await root.ok(['pod', 'rm', 'there'])
    expect(await root.ok(['ps', '-a', '-q'])).toBe('')
  })
})
