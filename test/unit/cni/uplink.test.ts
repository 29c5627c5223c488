import { expect, test } from 'vitest'
import { parseDeviceAddress } from '../../../runtime/rootless/uplink-netns.ts'
import { isUplinkRunning, planUplink } from '../../../runtime/rootless/uplink.ts'
import { readIdentity } from '../../../runtime/kernel/processes.ts'

const choice = { netnsPid: 7, runDir: '/run/g' }

test('slirp4netns: sandboxed, without the host’s loopback, with an API socket', () => {
  expect(planUplink('slirp4netns', choice).argv.join(' ')).toMatchInlineSnapshot(
    `"slirp4netns --configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp --api-socket=/run/g/slirp4netns.sock --ready-fd=3 7 tap0"`,
  )
  expect(planUplink('slirp4netns', choice, true).argv).not.toContain('--disable-host-loopback')
})

test('pasta: nothing forwarded that was not asked for, the gateway not mapped to the host', () => {
  expect(planUplink('pasta', choice).argv.join(' ')).toMatchInlineSnapshot(
    `"pasta --config-net --ipv4-only --no-map-gw -t none -u none -T none -U none --dns-forward 169.254.1.1 --ns-ifname tap0 --pid /run/g/pasta.pid --netns /proc/self/fd/3"`,
  )
})

test('the first global IPv4 address is the node’s', () => {
  const address = (family: string, scope: string, local: string): object => ({ family, scope, local })
  const json = [
    { addr_info: [address('inet6', 'link', 'fe80::1'), address('inet', 'link', '169.254.0.1')] },
    { addr_info: [address('inet', 'global', '192.0.2.1')] },
  ]
  expect(parseDeviceAddress(JSON.stringify(json))).toBe('192.0.2.1')
  expect(parseDeviceAddress('[]')).toBeUndefined()
})

test('a pid that was given to another process is not the uplink', () => {
  const self = readIdentity(process.pid)
  if (self === undefined) throw new Error('no /proc')
  const uplink = { ...self, program: 'pasta', address: '192.0.2.1', dns: '169.254.1.1' } as const
  expect(isUplinkRunning(uplink)).toBe(true)
  expect(isUplinkRunning({ ...uplink, startTime: self.startTime - 1 })).toBe(false)
})
