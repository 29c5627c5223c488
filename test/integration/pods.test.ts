/** A pod: a pause process, what its containers share, and an address that stays. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { hasUsableTun } from '../fixtures/netns.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const root = makeRoot()

interface Row {
  pod: string
  name: string
  kind: string
  pid: number
  inodes: Record<string, number>
}
interface PodSummary {
  Name: string
  IP?: string
  Status: string
  Containers: { Name: string; State: string }[]
}

const graph = async (): Promise<Row[]> =>
  (JSON.parse(await root.ok(['graph', '--format', 'json'])) as { rows: Row[] }).rows
const podOf = async (name: string): Promise<PodSummary> => {
  const pods = JSON.parse(await root.ok(['pod', 'ps', '--format', 'json'])) as PodSummary[]
  const found = pods.find(({ Name }) => Name === name)
  if (found === undefined) throw new Error(`pod ps has no ${name}`)
  return found
}
const inPod = (pod: string, name: string, ...command: string[]) =>
  root.ok(['run', '-d', '--pod', pod, '--name', name, root.image, ...command])
const pidOf = async (name: string) => (await root.inspect(name)).State.Pid
const namespace = (pid: number, name: string) => readlinkSync(`/proc/${pid}/ns/${name}`)
const serve = (pod: string, name: string) => inPod(pod, name, 'httpd', '-f', '-p', '80', '-h', '/www')
const fetchFrom = (container: string, host: string) =>
  until(`${host} answers ${container}`, async () => {
    // not wget -T: it crashes in Debian's static busybox
    const { exitCode, stdout } = await root.glasspod([
      'exec',
      container,
      'timeout',
      '5',
      'wget',
      '-qO-',
      `http://${host}/`,
    ])
    return exitCode === 0 && stdout
  })

beforeAll(root.seedImage)
afterEach(async () => {
  for (const { Name } of JSON.parse(await root.ok(['pod', 'ps', '--format', 'json'])) as PodSummary[]) {
    await root.ok(['pod', 'rm', '-f', Name])
  }
})
afterAll(root.teardown)

describe('what the containers of a pod share', () => {
  test('net, ipc and uts, and nothing else, with the pause process', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await inPod('web', 'a', 'sleep', '1000')
    await inPod('web', 'b', 'sleep', '1000')
    const [a, b] = [await pidOf('a'), await pidOf('b')]
    const pause = (await graph()).find(({ pod, kind }) => pod === 'web' && kind === 'pause')?.pid ?? 0
    for (const name of ['net', 'ipc', 'uts']) {
      expect(namespace(a, name)).toBe(namespace(pause, name))
      expect(namespace(b, name)).toBe(namespace(pause, name))
    }
    for (const name of ['mnt', 'pid', 'cgroup']) expect(namespace(a, name)).not.toBe(namespace(b, name))
  })

  test('the graph says of each namespace what /proc says', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await inPod('web', 'a', 'sleep', '1000')
    const rows = (await graph()).filter(({ pod }) => pod === 'web')
    expect(rows.map(({ kind }) => kind).sort()).toEqual(['container', 'pause'])
    for (const { pid, inodes } of rows) {
      for (const [name, inode] of Object.entries(inodes)) expect(namespace(pid, name)).toBe(`${name}:[${inode}]`)
    }
    const table = await root.ok(['graph'])
    expect(table).toMatch(/\d+ a\b/)
    expect(table.split('\n')[0]).toMatch(/^POD +NAME +KIND +PID .*NET/)
  })

  test('a host name, and 127.0.0.1', async () => {
    await root.ok(['pod', 'create', '--name', 'web', '--hostname', 'shop'])
    await serve('web', 'server')
    await inPod('web', 'client', 'sleep', '1000')
    expect(await root.ok(['exec', 'client', 'hostname'])).toBe('shop')
    expect(await fetchFrom('client', '127.0.0.1')).toContain('It works, and you can see why.')
  })

  test('one shared /dev/shm, as Kubernetes has it', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await inPod('web', 'a', 'sleep', '1000')
    await inPod('web', 'b', 'sleep', '1000')
    await root.ok(['exec', 'a', 'sh', '-c', 'echo x >/dev/shm/mark'])
    expect(await root.ok(['exec', 'b', 'cat', '/dev/shm/mark'])).toBe('x')
  })

  test('the pids too with --share pid, or a refusal that says why', async () => {
    const outcome = await root.glasspod(['pod', 'create', '--name', 'web', '--share', 'net,ipc,uts,pid'])
    if (outcome.exitCode !== 0) {
      expect(outcome.stderr).toContain('error: a pod cannot share its PID namespace here')
      return
    }
    await inPod('web', 'a', 'sleep', '1000')
    await inPod('web', 'b', 'sh', '-c', '(sleep 0.1 &); sleep 1000')
    expect(namespace(await pidOf('a'), 'pid')).toBe(namespace(await pidOf('b'), 'pid'))
    await until(
      'the pause process has reaped the orphan',
      async () => !(await root.ok(['exec', 'a', 'ps'])).includes('0.1'),
    )
    // Its pause process is in each /proc: by its root no way leads to the host, for one who may trace it either.
    const flags = ['--rm', '--pod', 'web', '--cap-add', 'SYS_PTRACE']
    expect(await root.ok(['run', ...flags, root.image, 'sh', '-c', 'ls -A /proc/1/root/ && echo seen'])).toBe('seen')
  })
})

describe('the address', () => {
  test('is reached from another pod over the bridge', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await serve('web', 'server')
    await root.ok(['pod', 'create', '--name', 'other'])
    await inPod('other', 'visitor', 'sleep', '1000')
    const { IP = '' } = await podOf('web')
    expect(IP).toMatch(/^10\.\d+\.\d+\.\d+$/)
    expect((await podOf('other')).IP).not.toBe(IP)
    expect(await fetchFrom('visitor', IP)).toContain('It works, and you can see why.')
  })

  test('stays when a container is restarted, and the port is reached again', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await serve('web', 'server')
    await inPod('web', 'client', 'sleep', '1000')
    const { IP = '' } = await podOf('web')
    const first = await pidOf('server')
    const net = namespace(first, 'net')
    process.kill(first, 'SIGKILL')
    expect(await root.ok(['wait', 'server'])).toBe('137')
    await root.ok(['start', 'server'])
    expect((await podOf('web')).IP).toBe(IP)
    expect(namespace(await pidOf('server'), 'net')).toBe(net)
    expect(await fetchFrom('client', IP)).toContain('It works, and you can see why.')
  })

  test('is let go when the pod is removed', async () => {
    await root.ok(['pod', 'create', '--name', 'first'])
    await inPod('first', 'a', 'true')
    await root.ok(['pod', 'rm', '-f', 'first'])
    const before = await root.residue()
    await root.ok(['pod', 'create', '--name', 'web'])
    await serve('web', 'server')
    await root.ok(['pod', 'rm', '-f', 'web'])
    await expectNoResidue(root.dir, before)
  })

  test.skipIf(!hasUsableTun())('a published port is reached from the host [needs a usable /dev/net/tun]', async () => {
    await root.ok(['pod', 'create', '--name', 'web', '--publish', '127.0.0.1::80'])
    await serve('web', 'server')
    const pods = JSON.parse(await root.ok(['pod', 'ps', '--format', 'json'])) as { Ports: { PublicPort: number }[] }[]
    const port = pods[0]?.Ports[0]?.PublicPort ?? 0
    const text = await until('the port answers', () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => undefined,
      ),
    )
    expect(text).toContain('It works, and you can see why.')
  })

  /** Answers each packet with what it says, in capitals. */
  const SHOUT = `const socket = require('node:dgram').createSocket('udp4')
    socket.on('message', (text, { port, address }) => socket.send(text.toString().toUpperCase(), port, address))
    socket.bind(53)`

  test.skipIf(!hasUsableTun())(
    'a published UDP port answers a client on the loopback of the host, and the host’s loopback stays out of reach [needs a usable /dev/net/tun]',
    async () => {
      await root.ok(['run', '-d', '--name', 'udp', '-p', '127.0.0.1::53/udp', root.image, 'sleep', '1000'])
      const enter = ['--user', '--net', '--preserve-credentials', `--target=${await pidOf('udp')}`, '--']
      const server = execa('nsenter', [...enter, process.execPath, '-e', SHOUT], { reject: false })
      const [{ Ports } = { Ports: [] }] = JSON.parse(await root.ok(['ps', '--format', 'json'])) as {
        Ports: { PublicPort: number }[]
      }[]
      const client = createSocket('udp4')
      let answer = ''
      client.on('message', (text) => (answer = text.toString()))
      await until('an answer', () => {
        client.send('loud', Ports[0]?.PublicPort ?? 0, '127.0.0.1')
        return answer !== ''
      })
      expect(answer).toBe('LOUD')
      client.close()
      server.kill('SIGKILL')
      await server

      const secret = createServer((_, response) => response.end('secret')).listen(0, '127.0.0.1')
      await once(secret, 'listening')
      const { port } = secret.address() as { port: number }
      for (const host of ['10.0.2.2', '10.0.2.3', '10.0.2.77'])
        expect(
          await root.glasspod(['exec', 'udp', 'timeout', '5', 'wget', '-qO-', `http://${host}:${port}/`]),
        ).toMatchObject({ stdout: '', exitCode: 1 })
      secret.close()
      await root.ok(['rm', '-f', 'udp'])
    },
  )
})

describe('the life of a pod', () => {
  test('stop and start take its containers along', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await serve('web', 'server')
    await root.ok(['pod', 'stop', '-t', '1', 'web'])
    expect((await root.inspect('server')).State.Running).toBe(false)
    await root.ok(['pod', 'start', 'web'])
    expect((await root.inspect('server')).State.Running).toBe(true)
  })

  test('pod rm refuses while a container runs, and -f does not', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await serve('web', 'server')
    const { exitCode, stderr } = await root.glasspod(['pod', 'rm', 'web'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('error: pod web has running containers')
    await root.ok(['pod', 'rm', '-f', 'web'])
    expect(await root.ok(['ps', '-aq'])).toBe('')
  })

  test('the pause process is tiny: not 100 kB of its own', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await inPod('web', 'a', 'sleep', '1000')
    const pause = (await graph()).find(({ kind }) => kind === 'pause')?.pid ?? 0
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pause}/smaps_rollup`, 'utf8'))?.[1]
    expect(Number(pss)).toBeLessThan(100)
  })

  test('each container has its cgroup leaf below that of the pod, or the tree says why there is none', async () => {
    await root.ok(['pod', 'create', '--name', 'web'])
    await inPod('web', 'a', 'sleep', '1000')
    interface Tree {
      available: boolean
      reason?: string
      path: string
      processes: { pid: number }[]
      children: Tree[]
    }
    const tree = JSON.parse(await root.ok(['cgroup', '--format', 'json'])) as Tree
    if (!tree.available) {
      expect(tree.reason).toBeTruthy()
      return
    }
    const pid = await pidOf('a')
    const flatten = (node: Tree): Tree[] => [node, ...node.children.flatMap(flatten)]
    const leaf = flatten(tree).find(({ processes }) => processes.some((process) => process.pid === pid))
    const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? 'none'
    expect(leaf?.path.endsWith(own)).toBe(true)
    expect(leaf?.children).toEqual([])
    expect(await root.ok(['cgroup'])).toContain(`${pid} sleep`)
  })
})
