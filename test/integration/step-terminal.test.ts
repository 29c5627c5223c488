/** `run --step` on a terminal of 24 rows: its keys, its pages, and the shell that it opens where it stands. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { expectSoon } from '../fixtures/expect-soon.ts'
import { makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'

const root = makeRoot()
const QUESTION = '? help\r\n'
let opened: ReturnType<typeof onTerminal> | undefined
const run = (flags = '--step', command = 'echo made') =>
  (opened = onTerminal(root, `glasspod run --rm --network none ${flags} ${root.image} ${command}; echo "code $?"`))

let before: Awaited<ReturnType<typeof root.residue>>
beforeAll(async () => {
  await root.seedImage()
  await root.run(['--rm', '--network', 'none'], ['true'])
  before = await root.residue()
})
afterEach(async () => {
  // only where a test has failed
  opened?.child.kill()
  await expectSoon(() => root.residue()).toEqual(before)
})
afterAll(root.teardown)

/** Pids of the command lines that step through something of ours. */
const stepping = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return words.includes('--step') && words.includes(root.dir)
    } catch {
      return false
    }
  })

/** Goes on until the step is the next one. */
const goTo = async (terminal: ReturnType<typeof onTerminal>, id: string): Promise<string> => {
  if (!terminal.seen().endsWith(QUESTION)) await terminal.untilSeen(QUESTION)
  terminal.type(`g${id}\r`)
  await terminal.untilSeen(`go to step: ${id}\r\n`)
  return terminal.untilSeen(QUESTION)
}

test('g goes on until a step is the next one, and every screen fits', async () => {
  const terminal = run()
  await terminal.untilSeen(QUESTION)
  terminal.type('groot')
  await terminal.untilSeen('go to step: root')
  // Tab completes as far as there is one way
  terminal.type('\tpi\t\r')
  await terminal.untilSeen('fs.pivot\r\n')
  const screen = await terminal.untilSeen(QUESTION)
  expect(screen).toContain('rootfs.pivot')
  expect(screen).toContain('pivot_root(2)')
  expect(screen.split('\r\n').length).toBeLessThanOrEqual(25)
  terminal.type('gprocess.exec\r')
  await terminal.untilSeen(QUESTION)
  terminal.type('\r')
  await terminal.child
  expect(terminal.seen()).toMatch(/made\r+\ncode 0/)
})

test('a step that there is not is said, with the nearest, and nothing is made for it', async () => {
  const terminal = run()
  await terminal.untilSeen(QUESTION)
  terminal.type('grootfs.pivto\r')
  expect(await terminal.untilSeen(QUESTION)).toContain(
    'no step ahead is called rootfs.pivto: did you mean rootfs.pivot?',
  )
  // nor one that nobody can be asked about: the monitor waits when all is made
  terminal.type('gmonitor.wait\r')
  expect(await terminal.untilSeen(QUESTION)).toContain('no step ahead is called monitor.wait')
  terminal.type('q')
  await terminal.child
  expect(terminal.seen()).toContain('code 125')
})

test('s shows the state a page at a time, and q leads back to the step', async () => {
  const terminal = run()
  await goTo(terminal, 'mounts.devpts')
  terminal.type('s')
  const first = await terminal.untilSeen('space next   q to the step')
  expect(first).toContain('lines 1-23 of ')
  expect(first.split('\r\n').length).toBe(24)
  terminal.type(' ')
  const second = await terminal.untilSeen('q to the step')
  expect(second).toContain('lines 24-46 of ')
  terminal.type('b')
  await terminal.untilSeen('lines 1-23 of ')
  terminal.type('q')
  expect(await terminal.untilSeen(QUESTION)).toContain('mounts.devpts')
  terminal.type('?')
  const help = await terminal.untilSeen(QUESTION)
  for (const key of ['Enter, n', 'g STEP-ID', 's ', '!', 'a ', 'q, Ctrl-C', '?'])
    expect(`\n${help}`).toContain(`\n${key}`)
  // Ctrl-C leaves from a page too
  terminal.type('s')
  await terminal.untilSeen('q to the step')
  terminal.type('\u0003')
  await terminal.child
  expect(terminal.seen()).toContain('left before step mounts.devpts')
  expect(terminal.seen()).toContain('code 125')
})

test('any key stops the playing of --step=auto where it is, and a goes on', async () => {
  const terminal = run('--step=auto:30')
  // who plays asks nothing
  expect(await terminal.untilSeen(/^\S+ pod\.directory .*\r\n/m)).not.toContain(QUESTION)
  terminal.type('x')
  await terminal.untilSeen(QUESTION)
  // and the next stop waits as well
  terminal.type('\r')
  expect(await terminal.untilSeen(QUESTION)).not.toContain('pod.directory')
  await goTo(terminal, 'process.exec')
  terminal.type('a')
  await terminal.child
  expect(await terminal.untilSeen('code 0')).not.toContain(QUESTION)
})

/** What a shell says of itself; the words are not those that are typed. */
const TYPED = 'for n in /proc/self/ns/*; do readlink $n; done; ls /; echo "over"$?\r'

const readNamespaces = (pid: number) =>
  ['user', 'ipc', 'uts', 'net', 'cgroup', 'mnt', 'pid'].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`))

test('! is a shell in the namespaces of the half-made process, and its end leads back', async () => {
  const terminal = run()
  await goTo(terminal, 'process.bounding')
  terminal.type('!')
  const pid = Number(/a shell in the namespaces of process (\d+)/.exec(await terminal.untilSeen('# '))?.[1])
  terminal.type(TYPED)
  const shown = await terminal.untilSeen('over0')
  for (const namespace of readNamespaces(pid)) expect(shown).toContain(namespace)
  // Ctrl-C is the shell's, and what it started ends with it: once it speaks, the terminal is its own
  terminal.type('sh -c "echo wait; exec sleep 1000"\r')
  await terminal.untilSeen('wait\r\n')
  terminal.type('\u0003')
  await terminal.untilSeen('# ')
  terminal.type('exit\r')
  expect(await terminal.untilSeen(QUESTION)).toContain('process.bounding')
  terminal.type('gprocess.exec\r')
  await terminal.untilSeen(QUESTION)
  terminal.type('\r')
  await terminal.child
  expect(terminal.seen()).toMatch(/made\r+\ncode 0/)
})

test('before the root is switched the shell has the host’s files; before there is a process it is in the node', async () => {
  const terminal = run()
  await terminal.untilSeen(QUESTION)
  terminal.type('!')
  expect(await terminal.untilSeen('# ')).toContain('a shell in the namespaces of the node: user mnt')
  terminal.type(TYPED)
  const node = await terminal.untilSeen('over0')
  const agent = await readAgentPid(root)
  for (const name of ['user', 'mnt']) expect(node).toContain(readlinkSync(`/proc/${agent}/ns/${name}`))
  terminal.type('exit\r')
  await goTo(terminal, 'rootfs.overlay')
  terminal.type('!')
  expect(await terminal.untilSeen('# ')).toContain('its files are still the host’s')
  terminal.type('exit\r')
  await terminal.untilSeen(QUESTION)
  terminal.type('\u0003')
  await terminal.child
  expect(terminal.seen()).toContain('left before step rootfs.overlay')
  expect(terminal.seen()).toContain('code 125')
})

test('a terminal that hangs up is one who has left, and no client stays behind', async () => {
  const terminal = run()
  await goTo(terminal, 'mounts.devpts')
  expect(stepping()).not.toEqual([])
  // with script(1) goes the terminal
  terminal.child.kill('SIGKILL')
  await terminal.child
  await expectSoon(stepping).toEqual([])
  expect(await root.ok(['ps', '-aq'])).toBe('')
})
