/** `glasspod ids` and `glasspod inspect namespaces` against what the kernel and the file system say. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

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

  it('of a container and a file of one name: the container, and ./NAME is the file', async () => {
    const cwd = mkdtempSync('/tmp/gp-ids-')
    try {
      mkdirSync(`${cwd}/web`)
      mkdirSync(`${cwd}/lonely`)
      const ask = async (word: string) =>
        (JSON.parse(await test.ok(['ids', '--format', 'json', word], { cwd })) as Pair[])[0]
      chmodSync(cwd, 0o755)
      expect(await ask('web')).toMatchObject({ container: 33 })
      for (const word of ['./web', 'lonely']) expect(await ask(word)).toMatchObject({ host: process.getuid?.() })
      // one that leads to itself can be looked at by nobody (ELOOP)
      rmSync(`${cwd}/web`, { recursive: true })
      for (const name of ['web', 'lost']) symlinkSync(name, `${cwd}/${name}`)
      expect(await ask('web')).toMatchObject({ container: 33 })
      for (const word of ['./web', 'lost'])
        expect((await test.glasspod(['ids', word], { cwd })).stderr).toMatch(`error: ${word}: ELOOP`)
    } finally {
      rmSync(cwd, { recursive: true })
    }
  })

  it('of every id that a container can have: the kernel’s own answer', async () => {
    const { users } = JSON.parse(await test.ok(['ids', '--format', 'json'])) as { users: { inside: number; outside: number; count: number }[] } // prettier-ignore
    const ends = users.flatMap(({ inside, count }) => [inside, inside + count - 1])
    for (const id of ends) {
      await test.ok(['exec', '--user', '0', 'web', 'sh', '-c', `touch /host/of-${id} && chown ${id} /host/of-${id}`])
      expect((await ids(`${id}`))[0]).toMatchObject({ container: id, host: statSync(`${test.dir}/of-${id}`).uid })
    }
    const beyond = Math.max(...users.map(({ inside, count }) => inside + count))
    expect((await ids(`${beyond}`))[0]).toMatchObject({ container: beyond, host: null })
  })

  it.runIf(process.getuid?.() !== 0)(
    'of a file that we may not reach: how to ask [needs an ordinary user]',
    async () => {
      const { exitCode, stderr } = await test.glasspod(['ids', '/root/secret'])
      expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/^error: \/root\/secret: EACCES[^]*sudo stat/)])
    },
  )

  it('of a container that does not run', async () => {
    await test.ok(['create', '--name', 'idle', '--network', 'none', test.image, 'true'])
    expect((await test.glasspod(['ids', 'idle'])).stderr).toMatch(/^error: container idle does not run/)
    await test.ok(['rm', 'idle'])
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

  it.runIf(process.getuid?.() === 0)('of a process of another user, as root [needs root]', async () => {
    const other = spawn('sleep', ['1000'], { uid: 65_534, gid: 65_534 })
    try {
      const text = await test.ok(['inspect', 'namespaces', `${other.pid}`])
      expect(text).toMatch(new RegExp(`^process ${other.pid}: sleep 1000\n[^]*^pid +${inode('self', 'pid')} `, 'm'))
    } finally {
      other.kill('SIGKILL')
    }
  })

  it.runIf(process.getuid?.() !== 0)('of a process of root: why not, and how [needs an ordinary user]', async () => {
    const { exitCode, stderr } = await test.glasspod(['inspect', 'namespaces', '1'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: read \/proc\/1\/ns: EACCES[^]*sudo glasspod inspect namespaces 1/)
  })

  it('of a process that has ended: that there is none', async () => {
    const child = spawn('true')
    await once(child, 'exit')
    const { exitCode, stderr } = await test.glasspod(['inspect', 'namespaces', `${child.pid}`])
    expect([exitCode, stderr]).toEqual([125, expect.stringMatching(`^error: there is no process ${child.pid}`)])
  })

  it('of a zombie: that it has ended', async () => {
    // the shell becomes a program that never asks for its child, and only then the child ends
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 1000'])
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer]
      const zombie = line.toString().trim()
      const statOf = (pid: number | string = '') => readFileSync(`/proc/${pid}/stat`, 'latin1')
      await until('the shell is another program', () => statOf(parent.pid).includes('(sleep)'))
      parent.stdin.end()
      await until('its child has ended', () => /\) Z /.test(statOf(zombie)))
      const { exitCode, stderr } = await test.glasspod(['inspect', 'namespaces', zombie])
      expect([exitCode, stderr]).toEqual([125, expect.stringMatching(`^error: process ${zombie} has ended[^]*zombie`)])
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('does not stand in the way of inspect', async () => {
    expect((await test.glasspod(['inspect', 'namespaces'])).stderr).toMatch(/PID is missing/)
    expect(JSON.parse(await test.ok(['inspect', 'web']))).toHaveLength(1)
  })
})
