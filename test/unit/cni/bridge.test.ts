/** The plugin's answers that need no network: VERSION, and every refusal, as the specification's error object. */
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'

const BRIDGE = new URL('../../../cni/bridge', import.meta.url).pathname
const CONFIG = {
  cniVersion: '1.0.0',
  name: 'net',
  type: 'bridge',
  ipam: { type: 'host-local', subnet: '10.9.0.0/24', dataDir: '/nonexistent' },
}
const ENVIRONMENT = { CNI_CONTAINERID: 'c1', CNI_IFNAME: 'eth0', CNI_NETNS: '/nonexistent/netns' }

const call = async (
  verb: string | undefined,
  input: unknown = CONFIG,
  environment: Record<string, string> = {},
): Promise<{ exitCode: number | undefined; answer: unknown }> => {
  const { exitCode, stdout } = await execa(BRIDGE, [], {
    input: typeof input === 'string' ? input : JSON.stringify(input),
    env: { PATH: process.env['PATH'] ?? '', ...ENVIRONMENT, ...environment, ...(verb && { CNI_COMMAND: verb }) },
    extendEnv: false,
    reject: false,
  })
  return { exitCode, answer: stdout === '' ? undefined : JSON.parse(stdout) }
}

test('VERSION lists what is supported, and reads no configuration', async () => {
  expect(await call('VERSION', '')).toEqual({
    exitCode: 0,
    answer: { cniVersion: '1.0.0', supportedVersions: ['0.4.0', '1.0.0'] },
  })
})

describe('code 4: the environment', () => {
  test.each([
    [undefined, {}, 'CNI_COMMAND: not set'],
    ['MAKE', {}, 'CNI_COMMAND: unknown: MAKE'],
    ['ADD', { CNI_CONTAINERID: '' }, 'CNI_CONTAINERID: not set'],
    ['ADD', { CNI_NETNS: '' }, 'CNI_NETNS: not set'],
    ['DEL', { CNI_IFNAME: '' }, 'CNI_IFNAME: not set'],
    ['ADD', { CNI_CONTAINERID: '../x' }, 'CNI_CONTAINERID: invalid: ../x'],
    ['ADD', { CNI_IFNAME: 'a-name-that-is-too-long' }, 'CNI_IFNAME: invalid: a-name-that-is-too-long'],
    ['ADD', { CNI_IFNAME: 'a/b' }, 'CNI_IFNAME: invalid: a/b'],
    ['ADD', { CNI_NETNS: '/a"b' }, 'CNI_NETNS: invalid: /a"b'],
    ['ADD', { CNI_NETNS: 'relative' }, 'CNI_NETNS: invalid: relative'],
  ])('%s %j', async (verb, environment, msg) => {
    expect(await call(verb, CONFIG, environment)).toEqual({
      exitCode: 1,
      answer: { cniVersion: '1.0.0', code: 4, msg },
    })
  })
})

const withIpam = (ipam: object): object => ({ ...CONFIG, ipam: { ...CONFIG.ipam, ...ipam } })

describe('the configuration', () => {
  test.each([
    [1, { ...CONFIG, cniVersion: '0.1.0' }, 'cniVersion 0.1.0: not supported'],
    [2, { ...CONFIG, vlan: 7 }, 'network configuration: vlan is not supported'],
    [2, withIpam({ type: 'dhcp' }), 'network configuration: ipam.type dhcp: only host-local is built in'],
    [6, '{', 'network configuration: not the expected JSON'],
    [6, '[]', 'network configuration: an object is expected'],
    [6, '', 'network configuration: empty'],
    [7, { ...CONFIG, name: 'a/b' }, 'name: invalid network name: a/b'],
    [7, { ...CONFIG, name: 'a\nb' }, 'network configuration: line break in "a\\nb"'],
    [7, { ...CONFIG, bridge: 'br 0' }, 'bridge: invalid interface name: br 0'],
    [7, { ...CONFIG, mtu: 'x' }, 'mtu: invalid: x'],
    [7, withIpam({ dataDir: 'x' }), 'ipam.dataDir: must be absolute: x'],
    [7, withIpam({ subnet: '10.9.0.1/24' }), 'ipam.subnet: host bits are set: 10.9.0.1/24'],
    [
      7,
      withIpam({ subnet: '10.9.0.0/31' }),
      'ipam.subnet: an IPv4 network with a prefix of 8 to 30 is expected: 10.9.0.0/31',
    ],
    [
      7,
      withIpam({ subnet: '10.09.0.0/24' }),
      'ipam.subnet: an IPv4 network with a prefix of 8 to 30 is expected: 10.09.0.0/24',
    ],
    [
      7,
      withIpam({ subnet: 'fd00::/64' }),
      'ipam.subnet: an IPv4 network with a prefix of 8 to 30 is expected: fd00::/64',
    ],
    [7, withIpam({ gateway: '10.9.1.1' }), 'ipam.gateway: 10.9.1.1 is not a host address of 10.9.0.0/24'],
    [7, withIpam({ rangeEnd: '10.9.0.255' }), 'ipam.rangeEnd: 10.9.0.255 is not a host address of 10.9.0.0/24'],
    [
      7,
      withIpam({ rangeStart: '10.9.0.9', rangeEnd: '10.9.0.8' }),
      'ipam.rangeStart: 10.9.0.9 is above ipam.rangeEnd 10.9.0.8',
    ],
    [7, withIpam({ routes: [{ dst: 'x' }] }), 'ipam.routes: an IPv4 network is expected: x'],
    [3, CONFIG, 'network namespace /nonexistent/netns: does not exist'],
  ])('code %i: %j', async (code, config, msg) => {
    const { exitCode, answer } = await call('ADD', config)
    expect(exitCode).toBe(1)
    expect(answer).toMatchObject({ code, msg })
  })

  test('DEL of a container that was never added succeeds, without a namespace', async () => {
    expect(await call('DEL', CONFIG, { CNI_NETNS: '' })).toEqual({ exitCode: 0, answer: undefined })
  })
})

test('ShellCheck finds nothing', async () => {
  expect((await execa('shellcheck', ['-x', BRIDGE], { reject: false })).stdout).toBe('')
})
