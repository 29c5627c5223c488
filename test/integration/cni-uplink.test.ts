/** Containers reach out where the host can, and are reached where they are published: by slirp4netns and by pasta. */
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { createServer, get } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { defaultConflist, type Conflist } from '../../cni/conflist.ts'
import { planHosts, planResolvConf } from '../../cni/dns.ts'
import { parsePublish, type Published } from '../../cni/ports.ts'
import { addPorts, listPorts, removePorts, type PublishHost } from '../../cni/publish.ts'
import { podAddress } from '../../cni/result.ts'
import { addNetwork, type PluginHost } from '../../cni/runner.ts'
import { Failure } from '../../runtime/errors.ts'
import { isUplinkRunning, startUplink, stopUplink, type Uplink } from '../../runtime/rootless/uplink.ts'
import { hasUsableTun, isAliveNow, joinNetns, makeWorld, type Netns, type World } from '../fixtures/netns.ts'

const OURS = new URL('../../cni', import.meta.url).pathname
const OUTSIDE = new URL('../fixtures/netns-outside.mjs', import.meta.url).pathname
/** TEST-NET-1 (RFC 5737): an address that is nowhere else. */
const OUTSIDE_ADDRESS = '192.0.2.2'
const HOST_RESOLV_CONF = `nameserver ${OUTSIDE_ADDRESS}\nsearch outside.test\n`
/** In a mount namespace of its own, with the pod's two files: looks the name up and fetches from it. */
const FETCH = `
mount --bind "$1/resolv.conf" /etc/resolv.conf; mount --bind "$1/hosts" /etc/hosts
exec node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => process.stdout.write(t))' "$2"`

const requestText = (port: number, address = '127.0.0.1'): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ host: address, port, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })

/** A minimal DNS question by UDP; resolves with the length of the answer. */
const askDns = (port: number): Promise<number> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.on('message', (answer) => socket.close(() => resolve(answer.length)))
    const question = Buffer.from('1234010000010000000000000161000001' + '0001', 'hex')
    socket.send(question, port, '127.0.0.1')
  })

const failureOf = async (work: Promise<unknown>): Promise<Failure> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Failure)) throw new Error(`a Failure is expected, got ${String(error)}`)
  return error
}

const sessionOf = (pid: number | 'self'): string | undefined => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
}

describe('without what an uplink needs', () => {
  const choice = { netnsPid: 1, runDir: '/nonexistent' }

  test('no program: the failure says what to install', async () => {
    const failure = await failureOf(startUplink({ ...choice, path: ['/nonexistent'] }))
    expect(failure.message).toBe('uplink: no slirp4netns and no pasta on this host')
    expect(failure.facts).toMatchObject({ id: 'uplink.program', found: 'no slirp4netns and no pasta in /nonexistent' })
  })

  test('no tun device: the failure tells absent from forbidden', async () => {
    const failure = await failureOf(startUplink({ ...choice, device: '/dev/net/absent' }))
    expect(failure.message).toBe('uplink: open /dev/net/absent: ENOENT')
    expect(failure.facts).toMatchObject({ id: 'uplink.tun', found: '/dev/net/absent does not exist' })
  })
})

describe.skipIf(!hasUsableTun())('with a usable /dev/net/tun', () => {
  let world: World
  let node: Netns
  let pod: Netns
  let address: string
  let conflist: Conflist
  let plugins: PluginHost
  let uplink: Uplink | undefined
  let round = 0

  beforeAll(async () => {
    world = await makeWorld({ '/etc/resolv.conf': HOST_RESOLV_CONF })
  })
  afterAll(() => world.end())
  afterEach(async () => {
    if (uplink !== undefined) await stopUplink(uplink)
    uplink = undefined
    await pod.end()
    await node.end()
  })

  /** A node with one pod on its bridge. */
  const makeNode = async (): Promise<void> => {
    node = await world.makeNetns()
    pod = await world.makeNetns()
    conflist = defaultConflist({ dataDir: join(world.dir, `net${(round += 1)}`), subnet: '10.88.7.0/24' })
    plugins = { path: [OURS], prefix: node.enter }
    address = await attach(pod, 'web')
  }
  const attach = async (netns: Netns, containerId: string): Promise<string> =>
    podAddress(await addNetwork(conflist, { containerId, netns: netns.path, ifName: 'eth0' }, plugins)) ?? ''

  describe.each(['slirp4netns', 'pasta'] as const)('%s', (program) => {
    let outerHost: Netns

    const start = async (): Promise<Uplink> => {
      outerHost = await world.makeNetns()
      const server = await world.makeNetns()
      await joinNetns(outerHost, server, { a: '192.0.2.1/24', b: `${OUTSIDE_ADDRESS}/24` })
      await outerHost.run(['ip', 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS])
      await server.serve(['node', OUTSIDE, OUTSIDE_ADDRESS])
      await makeNode()
      const runDir = join(world.dir, `run${round}`)
      await world.makeNetns().then((netns) => netns.run(['mkdir', '-m', '0777', runDir]))
      return startUplink({ netnsPid: node.pid, runDir, program, prefix: outerHost.enter })
    }

    test('a pod resolves a name of the outside and fetches from it, with its own resolv.conf and hosts', async () => {
      uplink = await start()
      expect(uplink.program).toBe(program)
      expect(uplink.address).toBe(program === 'slirp4netns' ? '10.0.2.100' : '192.0.2.1')
      const files = {
        'resolv.conf': planResolvConf({ host: 'nameserver 127.0.0.53\n', forwarder: uplink.dns }),
        hosts: planHosts({ address, hostname: 'web', hostAddress: uplink.hostAddress }),
      }
      expect(files['resolv.conf']).toBe(`nameserver ${uplink.dns}\n`)
      for (const [name, text] of Object.entries(files)) writeFileSync(join(world.dir, name), text)
      const answer = await pod.run([
        'unshare',
        '--mount',
        'sh',
        '-ec',
        FETCH,
        'sh',
        world.dir,
        'http://some.name.test/',
      ])
      // the server sees the host, whatever address the pod has
      expect(answer).toBe('outside some.name.test from 192.0.2.1')
    })

    test('it is a session of its own, holds nothing of ours open, and is gone when stopped', async () => {
      uplink = await start()
      const { pid } = uplink
      // pasta tells its pid before it has made itself the leader of a second session: ours it has left by then.
      expect(sessionOf(pid)).not.toBe(sessionOf('self'))
      for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toMatch(/\/null$|\.log$/)
      expect(isUplinkRunning(uplink)).toBe(true)
      expect(isUplinkRunning({ ...uplink, startTime: uplink.startTime + 1 })).toBe(false)
      await stopUplink(uplink)
      expect(isUplinkRunning(uplink)).toBe(false)
      expect(isAliveNow(pid)).toBe(false)
      await stopUplink(uplink)
      const links = await node.run(['ip', '-json', 'link', 'show'])
      expect(links).not.toContain('tap0')
    })
  })

  describe('published ports', () => {
    let host: PublishHost
    let published: Published[] = []

    /** The uplink listens where this test is: on the loopback of the machine. */
    const start = async (loopbackGuard: 'slirp4netns' | 'node' = 'node'): Promise<void> => {
      await makeNode()
      const runDir = join(world.dir, `run${round}`)
      await node.run(['mkdir', '-m', '0777', runDir])
      uplink = await startUplink({
        netnsPid: node.pid,
        runDir,
        program: 'slirp4netns',
        prefix: world.enter,
        loopbackGuard,
      })
      host = {
        apiSocket: uplink.apiSocket,
        uplinkAddress: uplink.address,
        networks: [{ gateway: '10.88.7.1', subnet: '10.88.7.0/24' }],
        prefix: node.enter,
      }
      await pod.serve(['node', OUTSIDE, address])
    }
    const publish = async (...specs: string[]): Promise<Published[]> =>
      (published = await addPorts(specs.flatMap(parsePublish), address, host))
    const expectNoRule = async (): Promise<void> => {
      expect(await node.run(['nft', 'list', 'tables'])).not.toContain('glasspod-ports')
      expect(await listPorts(host)).toEqual([])
    }

    test('a client of the host reaches the pod, and nobody does after the removal', async () => {
      await start()
      const [{ hostPort } = { hostPort: 0 }] = await publish('127.0.0.1::80', '127.0.0.1::53/udp')
      expect(await requestText(hostPort)).toMatch(/^outside 127\.0\.0\.1:\d+ from 10\.0\.2\.2\n$/)
      // an agent that remembers nothing finds them
      expect(await listPorts(host)).toEqual(expect.arrayContaining(published))
      await removePorts(address, host)
      await expect(requestText(hostPort)).rejects.toThrow('ECONNREFUSED')
      await expectNoRule()
      await removePorts(address, host)
    })

    test('a UDP port answers a client on the loopback', async () => {
      await start()
      const [{ hostPort } = { hostPort: 0 }] = await publish('127.0.0.1::53/udp')
      expect(await askDns(hostPort)).toBe(35)
    })

    test('a pod reaches a publication at the gateway address: its own and a neighbour’s', async () => {
      await start()
      const neighbour = await world.makeNetns()
      await attach(neighbour, 'neighbour')
      const [{ hostPort } = { hostPort: 0 }] = await publish('127.0.0.1::80')
      const fetchPort = ['node', '-e', `fetch('http://10.88.7.1:${hostPort}').then((r) => r.text()).then(console.log)`]
      expect(await pod.run(fetchPort)).toContain('from 10.88.7.1')
      expect(await neighbour.run(fetchPort)).toContain('from 10.88.7.1')
      await neighbour.end()
    })

    test('two pods may have the same port of the host at different addresses', async () => {
      await start()
      const other = await world.makeNetns()
      const otherAddress = await attach(other, 'other')
      await other.serve(['node', OUTSIDE, otherAddress])
      const [{ hostPort } = { hostPort: 0 }] = await publish('127.0.0.1::80')
      await addPorts(parsePublish(`127.0.0.2:${hostPort}:80`), otherAddress, host)
      expect(await requestText(hostPort, '127.0.0.1')).toContain('outside 127.0.0.1')
      expect(await requestText(hostPort, '127.0.0.2')).toContain('outside 127.0.0.2')
      await removePorts(address, host)
      expect(await requestText(hostPort, '127.0.0.2')).toContain('outside 127.0.0.2')
      await expect(requestText(hostPort, '127.0.0.1')).rejects.toThrow('ECONNREFUSED')
      await removePorts(otherAddress, host)
      await expectNoRule()
      await other.end()
    })

    test('a port in use is said to be, with who has it, and nothing of the others is left', async () => {
      await start()
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      const failure = await failureOf(publish('127.0.0.1::80', `127.0.0.1:${port}:80`))
      expect(failure.message).toBe(`publish 127.0.0.1:${port}->80/tcp: port ${port} is already in use`)
      expect(failure.facts).toMatchObject({ id: 'ports.bind', exitCode: 125 })
      expect(failure.facts.found).toContain(`(pid ${process.pid})`)
      await expectNoRule()

      const [{ hostPort } = { hostPort: 0 }] = await publish('127.0.0.1::80')
      const second = await failureOf(addPorts(parsePublish(`${hostPort}:80`), '10.88.7.9', host))
      expect(second.facts.found).toBe(`it is published for ${address}, port 80`)
      server.close()
    })

    test.each(['slirp4netns', 'node'] as const)('%s keeps pods from the host’s loopback', async (guard) => {
      await start(guard)
      const server = createServer((_, response) => response.end('secret'))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      const reach = (to: string): Promise<string> =>
        pod.run([
          ...['node', '-e'],
          `fetch('http://${to}:${port}').then(() => console.log('reached'), (e) => console.log(e.cause.code))`,
        ])
      // all of its network is the host's loopback to slirp4netns
      for (const to of ['10.0.2.2', '10.0.2.3', '10.0.2.77']) expect(await reach(to)).toMatch(/^E[A-Z]+$/)
      server.close()
    })
  })
})
