/** `glasspod ids` and `glasspod inspect namespaces` against what the kernel and the file system say. */
import { readlinkSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'

const test = makeRoot()
let pid: number

beforeAll(async () => {
  await test.seedImage()
  await test.ok([
    'run',
    '-d',
    '--name',
    'web',
    '--user',
    '33:44',
    '-v',
    `${test.dir}:/host`,
    test.image,
    'sleep',
    '1000',
  ])
  pid = (await test.inspect('web')).State.Pid
})
afterAll(test.teardown)

interface Pair {
  kind: string
  container: number | null
  host: number | null
}

const ids = async (word: string): Promise<Pair[]> =>
  JSON.parse(await test.ok(['ids', '--format', 'json', word])) as Pair[]
const inode = (of: number | 'self', kind: string) => Number(/\d+/.exec(readlinkSync(`/proc/${of}/ns/${kind}`))?.[0])

describe('ids', () => {
  it('of a container: its first process, as host and container count', async () => {
    const [user, group] = await ids('web')
    expect(user).toMatchObject({ kind: 'user', container: 33, host: statSync(`/proc/${pid}`).uid })
    expect(group).toMatchObject({ kind: 'group', container: 44, host: statSync(`/proc/${pid}`).gid })
  })

  it('of a file that a container made', async () => {
    await test.ok(['exec', '--user', '0', 'web', 'sh', '-c', 'touch /host/made && chown 5:6 /host/made'])
    const { uid, gid } = statSync(`${test.dir}/made`)
    expect(await ids(`${test.dir}/made`)).toMatchObject([
      { kind: 'user', container: 5, host: uid },
      { kind: 'group', container: 6, host: gid },
    ])
  })

  it('of a number, both ways; what the host keeps for itself is nobody inside', async () => {
    const [, , hostUser] = await ids('0')
    expect(hostUser).toMatchObject({ container: null, host: 0 })
    const [user] = await ids('33')
    expect(user).toMatchObject({ container: 33, host: statSync(`/proc/${pid}`).uid })
  })

  it('of something that is not there', async () => {
    expect((await test.glasspod(['ids', 'nosuch'])).stderr).toMatch(/^error: .*nosuch/)
    expect((await test.glasspod(['ids', '/no/such'])).stderr).toMatch(/^error: \/no\/such: ENOENT/)
  })
})

describe('inspect namespaces', () => {
  it('of a container: the kernel’s inodes, its owner, and the pause that shares the network', async () => {
    const facts = JSON.parse(await test.ok(['inspect', 'namespaces', '--format', 'json', `${pid}`])) as {
      namespaces: { kind: string; inode: number; owner?: number; members: { name: string }[]; differs: boolean }[]
      ancestors: number[]
      maps: { users: unknown[] }
    }
    const of = (kind: string) => facts.namespaces.find((namespace) => namespace.kind === kind)
    for (const kind of ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'])
      expect(of(kind)?.inode).toBe(inode(pid, kind))
    expect(of('net')).toMatchObject({ owner: inode(pid, 'user'), differs: true })
    expect(of('net')?.members.map(({ name }) => name)).toContain('pause')
    expect(of('mnt')?.members).toEqual([])
    expect(facts.ancestors).toEqual([inode(pid, 'user'), inode('self', 'user')])
    expect(facts.maps.users.length).toBeGreaterThan(0)
  })

  it('of a process that is not ours at all', async () => {
    const text = await test.ok(['inspect', 'namespaces', `${process.pid}`])
    expect(text).toMatch(new RegExp(`^net +${inode('self', 'net')} `, 'm'))
  })

  it('does not stand in the way of inspect', async () => {
    expect((await test.glasspod(['inspect', 'namespaces'])).stderr).toMatch(/PID is missing/)
    expect(JSON.parse(await test.ok(['inspect', 'web']))).toHaveLength(1)
  })
})
