/** `glasspod graph` against the kernel: namespaces, the cable, the published port, in every format. */
import { readFileSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Graph } from '../../runtime/cli/api.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { hasUsableTun } from '../fixtures/netns.ts'

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

  it('is watched on a terminal only as text', async () => {
    expect((await test.glasspod(['graph', '--watch', '--format', 'svg'])).stderr).toMatch(/not as svg/)
  })
})
