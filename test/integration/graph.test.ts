/** `glasspod graph` against the kernel: namespaces, the cable, the published port, in every format. */
import { readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Graph } from '../../runtime/cli/api.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { hasUsableTun } from '../fixtures/netns.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'
import { readScreen } from '../fixtures/screen.ts'

const test = makeRoot()
let graph: Graph

const read = async (...pods: string[]): Promise<Graph> =>
  JSON.parse(await test.ok(['graph', '--format', 'json', ...pods])) as Graph

beforeAll(async () => {
  await test.seedImage()
  await test.ok(['pod', 'create', '--name', 'web', ...(hasUsableTun() ? ['-p', '127.0.0.1::80'] : [])])
  await test.ok(['run', '-d', '--pod', 'web', '--name', 'server', test.image, 'sleep', '1000'])
  await test.ok(['run', '-d', '--network', 'none', '--name', 'alone', test.image, 'sleep', '1000'])
  graph = await read()
})
afterAll(test.teardown)

const inode = (pid: number, kind: string) => Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[0])
const rowOf = (name: string, pod: string) => graph.rows.find((row) => row.name === name && row.pod === pod)

describe('graph', () => {
  it('has the kernel’s inodes, and what is shared', () => {
    for (const { pid, inodes } of graph.rows)
      for (const [kind, number] of Object.entries(inodes)) expect(inode(pid, kind)).toBe(number)
    expect(rowOf('server', 'web')?.inodes['net']).toBe(rowOf('pause', 'web')?.inodes['net'])
    expect(rowOf('alone', 'alone')?.inodes['net']).not.toBe(rowOf('server', 'web')?.inodes['net'])
  })

  it('has the id map of the node, and the user namespace around it', () => {
    const pid = rowOf('server', 'web')?.pid ?? 0
    const lines = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split('\n')
    expect(graph.userNamespace.users).toHaveLength(lines.length)
    expect(graph.userNamespace).toMatchObject({ inode: inode(pid, 'user') })
    expect(graph.parentUserNamespace).toBe(inode(process.pid, 'user'))
  })

  it('has the way of a packet: bridge, cable, address', async () => {
    const link = graph.network.links.find(({ pod }) => pod === 'web')
    const address = await test.ok(['exec', 'server', 'cat', '/proc/net/fib_trie'])
    expect(address).toContain(link?.addresses[0]?.split('/')[0])
    expect(link).toMatchObject({
      bridge: graph.network.bridges[0]?.name,
      veth: expect.stringMatching(/^veth/) as string,
    })
    expect(graph.network.links).toHaveLength(1)
  })

  it.runIf(hasUsableTun())('has the published port [needs a usable /dev/net/tun]', () => {
    expect(graph.network.uplink?.pid).toBeGreaterThan(0)
    expect(graph.network.links[0]?.ports).toMatchObject([{ hostIp: '127.0.0.1', containerPort: 80, protocol: 'tcp' }])
  })

  it('of one pod only; of none that is not there', async () => {
    expect((await read('web')).rows.map(({ pod }) => pod)).not.toContain('alone')
    const { exitCode, stderr } = await test.glasspod(['graph', 'nobody'])
    expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/^error: no running pod is called nobody/)])
  })

  it.each([
    ['text', /^web +server +container /m],
    ['mermaid', /^flowchart TB\n/],
    ['dot', /^digraph glasspod {\n/],
    ['svg', /^<svg [^]*<\/svg>$/],
    ['html', /^<!doctype html>\n[^]*<\/html>$/],
  ])('as %s', async (format, shape) => {
    const text = await test.ok(['graph', '--format', format])
    expect(text).toMatch(shape)
    expect(text).toContain('server')
  })

  it('has what people call their processes as text, and as nothing else [needs a delegated cgroup]', async ({
    skip,
  }) => {
    skip(!graph.cgroup.available, 'missing capability: a delegated cgroup')
    const comm = '</b>"--><'
    const script = `printf %s '${comm}' >/proc/self/comm; sleep 1000; true`
    await test.ok(['run', '-d', '--network', 'none', '--name', 'odd', test.image, 'sh', '-c', script])
    await until('it is called so', async () => (await test.ok(['graph', 'odd'])).includes(comm))
    const page = await test.ok(['graph', '--format', 'html', 'odd'])
    expect(page).not.toContain(comm)
    expect(page).toContain('&lt;/b&gt;"--&gt;&lt;')
    await test.ok(['rm', '-f', 'odd'])
  })

  it('is watched on a terminal only as text', async () => {
    expect((await test.glasspod(['graph', '--watch', '--format', 'svg'])).stderr).toMatch(/not as svg/)
  })

  it('is drawn anew with --watch, until Ctrl-C, which leaves the terminal as it was', async () => {
    const terminal = onTerminal(
      test,
      'trap : INT; echo before; stty -g; glasspod graph web --watch; echo "exit $?"; stty -g',
    )
    const screen = () => readScreen(terminal.seen().split('\x1b[?1049h')[1] ?? '')
    const has = (name: string) => screen().lines.some((line) => line.startsWith('web ') && line.includes(` ${name} `))
    await until('it is drawn', () => has('server'))
    expect(has('added')).toBe(false)
    await test.ok(['run', '-d', '--pod', 'web', '--name', 'added', test.image, 'sleep', '1000'])
    await until('the added one is on the screen', () => has('added'))
    await test.ok(['rm', '-f', 'added'])
    await until('it is gone from the screen', () => !has('added'))
    // drawn over what was there: nothing was scrolled, and no line was broken
    expect(screen().broken).toEqual([])
    expect(screen().lines.length).toBeLessThanOrEqual(24)
    expect(screen().lines.filter((line) => line.startsWith('POD '))).toHaveLength(1)
    terminal.type('\x03')
    await terminal.child
    // the other screen and the hidden cursor: there once, and taken back in reverse
    const shown = terminal.seen()
    const ways = ['\x1b[?1049h', '\x1b[?25l', '\x1b[?25h', '\x1b[?1049l'].map((way) => shown.split(way).map((part) => part.length)) // prettier-ignore
    expect(ways.map((parts) => parts.length)).toEqual([2, 2, 2, 2])
    const places = ways.map(([at = 0]) => at)
    expect([...places].sort((one, other) => one - other)).toEqual(places)
    const [before = '', rest = ''] = shown.split('\x1b[?1049h')
    const [during, after = ''] = rest.split('\x1b[?1049l')
    expect(during).toContain('server')
    expect(after.split(/\s+/)).toEqual(['exit', '130', before.split(/\s+/)[1], ''])
  })

  it('ends its watch with an error on the screen of before when the pod is gone', async () => {
    await test.ok(['pod', 'create', '--name', 'brief', '--network', 'none'])
    await test.ok(['pod', 'start', 'brief'])
    const terminal = onTerminal(test, 'glasspod graph brief --watch; echo "exit $?"')
    await terminal.untilSeen('brief')
    await test.ok(['pod', 'rm', '-f', 'brief'])
    await terminal.child
    expect(terminal.seen().split('\x1b[?1049l')[1]).toMatch(/error: no running pod is called brief[^]*exit 125/)
  })

  it('fits on a terminal of 80 columns, and in a pipe has all', async () => {
    const terminal = onTerminal(test, 'glasspod graph; glasspod cgroup')
    await terminal.child
    expect(readScreen(terminal.seen()).broken).toEqual([])
    const [pid = 0] = [rowOf('alone', 'alone')?.pid]
    expect(await test.ok(['graph'])).toContain(`${inode(pid, 'net')}`)
  })
})
