/** The bridge plugin wires a container, and leaves nothing behind: asked of the kernel and of the lease files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { defaultConflist, parseConflist, type Conflist } from '../../cni/conflist.ts'
import { podAddress, type CniResult } from '../../cni/result.ts'
import { addNetwork, checkNetwork, delNetwork, type Attachment, type PluginHost } from '../../cni/runner.ts'
import { Failure } from '../../runtime/errors.ts'
import { makeWorld, type Netns, type World } from '../fixtures/netns.ts'

const OURS = new URL('../../cni', import.meta.url).pathname
const DEBIAN = '/usr/lib/cni'

let world: World
let node: Netns
let host: PluginHost
let conflist: Conflist
let leases: string
const pods: Netns[] = []

beforeAll(async () => {
  world = await makeWorld()
})
afterAll(() => world.end())

let count = 0
beforeEach(async () => {
  node = await world.makeNetns()
  const dataDir = join(world.dir, `net${(count += 1)}`)
  host = { path: [OURS], prefix: node.enter }
  conflist = defaultConflist({ dataDir, subnet: '10.88.7.0/24' })
  leases = join(dataDir, conflist.name)
})
afterEach(async () => {
  for (const pod of pods.splice(0)) await pod.end()
  await node.end()
})

const makePod = async (containerId: string): Promise<{ pod: Netns; attachment: Attachment }> => {
  const pod = await world.makeNetns()
  pods.push(pod)
  return { pod, attachment: { containerId, netns: pod.path, ifName: 'eth0' } }
}

interface Link {
  ifname: string
  master?: string
  mtu: number
  address: string
  flags: string[]
  addr_info: { family: string; local: string; prefixlen: number }[]
}
const readLinks = async (netns: Netns): Promise<Link[]> =>
  JSON.parse(await netns.run(['ip', '-json', 'address', 'show'])) as Link[]
const readVeths = async (): Promise<string[]> =>
  (await readLinks(node)).map(({ ifname }) => ifname).filter((name) => name.startsWith('veth'))
const readLeases = (): string[] => (existsSync(leases) ? readdirSync(leases).filter((name) => /^\d/.test(name)) : [])
const expectNoResidue = async (): Promise<void> => {
  expect(await readVeths()).toEqual([])
  expect(readLeases()).toEqual([])
}
const failureOf = async (work: Promise<unknown>): Promise<Failure> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Failure)) throw new Error(`a Failure is expected, got ${String(error)}`)
  return error
}

test('ADD gives address, route, loopback and bridge port; DEL takes all of it away', async () => {
  const { pod, attachment } = await makePod('alpha')
  const result = await addNetwork(conflist, attachment, host)
  expect(podAddress(result)).toBe('10.88.7.2')

  const inside = await readLinks(pod)
  expect(inside.find(({ ifname }) => ifname === 'lo')?.flags).toContain('UP')
  const eth0 = inside.find(({ ifname }) => ifname === 'eth0')
  expect(eth0).toMatchObject({ mtu: 65520, address: result.interfaces?.[2]?.mac })
  expect(eth0?.addr_info).toContainEqual(expect.objectContaining({ local: '10.88.7.2', prefixlen: 24 }))
  const routes = JSON.parse(await pod.run(['ip', '-json', 'route'])) as { dst: string; gateway?: string }[]
  expect(routes).toContainEqual(expect.objectContaining({ dst: 'default', gateway: '10.88.7.1' }))

  const outside = await readLinks(node)
  const port = outside.find(({ ifname }) => ifname === result.interfaces?.[1]?.name)
  expect(port).toMatchObject({ master: 'glasspod0', address: result.interfaces?.[1]?.mac })
  expect(await node.run(['cat', '/proc/sys/net/ipv4/ip_forward'])).toBe('1')
  const rules = await node.run(['nft', '-j', 'list', 'table', 'ip', 'glasspod-glasspod'])
  expect(rules).toContain('"masquerade"')
  expect(readFileSync(join(leases, '10.88.7.2'), 'utf8')).toBe('alpha eth0\n')

  await checkNetwork(conflist, attachment, host, result)
  await delNetwork(conflist, attachment, host, result)
  expect((await readLinks(pod)).map(({ ifname }) => ifname)).toEqual(['lo'])
  await expectNoResidue()
})

test('two pods reach each other at the addresses they were given', async () => {
  const [a, b] = [await makePod('a'), await makePod('b')]
  await Promise.all([addNetwork(conflist, a.attachment, host), addNetwork(conflist, b.attachment, host)])
  expect(readLeases().sort()).toEqual(['10.88.7.2', '10.88.7.3'])
  await a.pod.run(['ping', '-c1', '-W2', '10.88.7.3'])
  await b.pod.run(['ping', '-c1', '-W2', '10.88.7.2'])
})

test('ADD and DEL may be repeated', async () => {
  const { pod, attachment } = await makePod('again')
  const first = await addNetwork(conflist, attachment, host)
  expect(await addNetwork(conflist, attachment, host)).toEqual(first)
  expect(readLeases()).toHaveLength(1)
  // a crash between lease and interface
  await pod.run(['ip', 'link', 'del', 'eth0'])
  expect(await addNetwork(conflist, attachment, host)).toEqual(first)
  await delNetwork(conflist, attachment, host)
  await delNetwork(conflist, attachment, host)
  await expectNoResidue()
})

test('DEL frees the lease of a container whose namespace has vanished', async () => {
  const { pod, attachment } = await makePod('gone')
  await addNetwork(conflist, attachment, host)
  await pod.end()
  await delNetwork(conflist, attachment, host)
  await expectNoResidue()
})

test('an address rests before it is given again, a requested one is given, and never one that is taken', async () => {
  const [a, b, c] = [await makePod('a'), await makePod('b'), await makePod('c')]
  await addNetwork(conflist, a.attachment, host)
  await delNetwork(conflist, a.attachment, host)
  expect(podAddress(await addNetwork(conflist, b.attachment, host))).toBe('10.88.7.3')
  const wish = { ...c.attachment, args: { IP: '10.88.7.77' } }
  expect(podAddress(await addNetwork(conflist, wish, host))).toBe('10.88.7.77')
  const failure = await failureOf(addNetwork(conflist, { ...a.attachment, args: { IP: '10.88.7.77' } }, host))
  expect(failure.message).toBe(
    'CNI plugin bridge: ADD failed: address 10.88.7.77 of network glasspod: already in use (code 100)',
  )
})

test('an exhausted range is an error that names the range', async () => {
  const small = defaultConflist({ dataDir: join(world.dir, `small${count}`), subnet: '10.88.7.0/30' })
  const [a, b] = [await makePod('a'), await makePod('b')]
  await addNetwork(small, a.attachment, host)
  const failure = await failureOf(addNetwork(small, b.attachment, host))
  expect(failure.message).toBe(
    'CNI plugin bridge: ADD failed: network glasspod: no free address in 10.88.7.1-10.88.7.2 (code 100)',
  )
  expect(failure.facts.id).toBe('network.plugin.100')
  await delNetwork(small, a.attachment, host)
  expect(podAddress(await addNetwork(small, b.attachment, host))).toBe('10.88.7.2')
})

test('CHECK names what was taken away', async () => {
  const { pod, attachment } = await makePod('checked')
  const result = await addNetwork(conflist, attachment, host)
  await pod.run(['ip', 'route', 'del', 'default'])
  const failure = await failureOf(checkNetwork(conflist, attachment, host, result))
  expect(failure.message).toBe('CNI plugin bridge: CHECK failed: route to 0.0.0.0/0: missing (code 103)')
})

test('a namespace that does not exist is error 3, and nothing is kept', async () => {
  const attachment = { containerId: 'x', netns: '/proc/1/ns/absent', ifName: 'eth0' }
  const failure = await failureOf(addNetwork(conflist, attachment, host))
  expect(failure.facts.id).toBe('network.plugin.3')
  await expectNoResidue()
})

test('an ADD that fails half way leaves no veth and no lease', async () => {
  const { pod, attachment } = await makePod('half')
  // the name is taken inside, so the pair cannot be made
  await pod.run(['ip', 'link', 'add', 'eth0', 'type', 'bridge'])
  const failure = await failureOf(addNetwork(conflist, attachment, host))
  expect(failure.facts.id).toBe('network.plugin.101')
  expect(failure.facts.found).toContain('File exists')
  await expectNoResidue()
})

test('an ADD that fails in the container tells what ip said of it, and leaves no veth and no lease', async () => {
  const [bridge] = conflist.plugins
  const routes = [{ dst: '192.0.2.0/24', gw: '203.0.113.1' }]
  const ipam = { ...(bridge?.['ipam'] as object), routes }
  const unroutable = parseConflist(JSON.stringify({ ...conflist, plugins: [{ ...bridge, ipam }] }), 'test')
  const { attachment } = await makePod('unroutable')
  const failure = await failureOf(addNetwork(unroutable, attachment, host))
  expect(failure.message).toContain('configure interface eth0')
  expect(failure.facts.found).toContain('gateway')
  await expectNoResidue()
})

test('twenty at once get twenty addresses', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, (_, index) => makePod(`many${index}`)))
  const results = await Promise.all(made.map(({ attachment }) => addNetwork(conflist, attachment, host)))
  expect(new Set(results.map(podAddress)).size).toBe(20)
  await Promise.all(made.map(({ attachment }) => delNetwork(conflist, attachment, host)))
  await expectNoResidue()
})

test('a kept configuration is used for the same text only, and gives the same result', async () => {
  const cached = { ...host, cacheDir: world.dir }
  const { attachment } = await makePod('kept')
  const first = await addNetwork(conflist, attachment, cached)
  expect(await addNetwork(conflist, attachment, cached)).toEqual(first)
  await delNetwork(conflist, attachment, cached)
  const other = defaultConflist({ dataDir: join(world.dir, `other${count}`), subnet: '10.99.0.0/24' })
  expect(podAddress(await addNetwork(other, attachment, cached))).toBe('10.99.0.2')
})

describe.skipIf(!existsSync(`${DEBIAN}/portmap`))("Debian's plugins (containernetworking-plugins)", () => {
  const debianList = (dataDir: string, plugins: object[]): Conflist =>
    parseConflist(JSON.stringify({ cniVersion: '1.0.0', name: 'interop', plugins }), dataDir)
  const BRIDGE = (dataDir: string): object => ({
    type: 'bridge',
    bridge: 'cni0',
    isDefaultGateway: true,
    ipam: { type: 'host-local', ranges: [[{ subnet: '10.77.0.0/24' }]], dataDir },
  })

  const attachTwice = async (path: string[]): Promise<CniResult> => {
    const dataDir = join(world.dir, `interop${count}`)
    const list = debianList(dataDir, [BRIDGE(dataDir)])
    const { pod, attachment } = await makePod('interop')
    const result = await addNetwork(list, attachment, { ...host, path })
    await checkNetwork(list, attachment, { ...host, path }, result)
    await pod.run(['ping', '-c1', '-W2', '10.77.0.1'])
    await delNetwork(list, attachment, { ...host, path }, result)
    expect((await readLinks(pod)).map(({ ifname }) => ifname)).toEqual(['lo'])
    return result
  }

  test('the same configuration gives the same address and routes by their bridge and by ours', async () => {
    const theirs = await attachTwice([DEBIAN])
    await node.run(['ip', 'link', 'del', 'cni0'])
    count += 1000
    const ours = await attachTwice([OURS, DEBIAN])
    expect(podAddress(ours)).toBe(podAddress(theirs))
    expect(ours.routes).toEqual(theirs.routes)
    expect(ours.interfaces?.map(({ sandbox }) => sandbox === undefined)).toEqual(
      theirs.interfaces?.map(({ sandbox }) => sandbox === undefined),
    )
  })

  test('a plugin behind ours gets our result; when it fails, ours is undone', async () => {
    const dataDir = join(world.dir, `chain${count}`)
    const tuning = debianList(dataDir, [BRIDGE(dataDir), { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } }])
    const path = [OURS, DEBIAN]
    const { pod, attachment } = await makePod('chained')
    const result = await addNetwork(tuning, attachment, { ...host, path })
    expect(await pod.run(['cat', '/proc/sys/net/core/somaxconn'])).toBe('500')
    await delNetwork(tuning, attachment, { ...host, path }, result)

    const broken = debianList(dataDir, [BRIDGE(dataDir), { type: 'tuning', sysctl: { 'net.core.absent': '1' } }])
    const failure = await failureOf(addNetwork(broken, attachment, { ...host, path }))
    expect(failure.message).toMatch(/^CNI plugin tuning: ADD failed: /)
    expect(await readVeths()).toEqual([])
    expect(readdirSync(join(dataDir, 'interop')).filter((name) => /^\d/.test(name))).toEqual([])
  })
})
