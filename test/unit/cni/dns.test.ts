import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLoopback, parseAddHost, parseResolvConf, planHosts, planResolvConf } from '../../../cni/dns.ts'

describe('parseResolvConf', () => {
  test('the last search or domain counts, options add up, comments do not', () => {
    expect(
      parseResolvConf('# c\nnameserver 1.1.1.1 # x\ndomain a\nsearch b c\noptions ndots:2\n;x\noptions rotate\n'),
    ).toEqual({ nameservers: ['1.1.1.1'], search: ['b', 'c'], options: ['ndots:2', 'rotate'] })
  })
})

describe('planResolvConf', () => {
  test('the forwarder comes first; search and options of the host are kept', () => {
    const host = 'search lan\nnameserver 192.168.1.1\nnameserver fe80::1%eth0\noptions edns0\n'
    expect(planResolvConf({ host, forwarder: '10.0.2.3' })).toBe(
      'search lan\nnameserver 10.0.2.3\nnameserver 192.168.1.1\noptions edns0\n',
    )
  })

  test('behind systemd-resolved the real servers are named, and its search list', () => {
    const choice = {
      host: 'nameserver 127.0.0.53\nsearch .\n',
      systemd: 'nameserver 9.9.9.9\nsearch corp.example\n',
      forwarder: '10.0.2.3',
    }
    expect(planResolvConf(choice)).toBe('search corp.example\nnameserver 10.0.2.3\nnameserver 9.9.9.9\n')
  })

  test('flags replace; a search of . means none', () => {
    const choice = { host: 'search lan\nnameserver 1.1.1.1\n', forwarder: '10.0.2.3' }
    expect(planResolvConf({ ...choice, nameservers: ['8.8.8.8'], search: ['.'], options: ['ndots:1'] })).toBe(
      'nameserver 8.8.8.8\noptions ndots:1\n',
    )
  })

  test('a loopback server never gets in, and there are at most three', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('127.0.0.53', '127.0.0.1', '127.1.2.3', '::1', '0.0.0.0'),
    )
    const text = fc.array(address).map((all) => all.map((one) => `nameserver ${one}\n`).join(''))
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), (host, systemd) => {
        const { nameservers } = parseResolvConf(planResolvConf({ host, systemd, forwarder: '10.0.2.3' }))
        expect(nameservers.filter(isLoopback)).toEqual([])
        expect(nameservers[0]).toBe('10.0.2.3')
        expect(nameservers.length).toBeLessThanOrEqual(3)
      }),
    )
  })
})

test('planHosts: loopback, the pod itself, the host', () => {
  const extra = [parseAddHost('db:10.0.0.5'), parseAddHost('v6:[fd00::1]'), parseAddHost('h:host-gateway', '10.0.2.2')]
  expect(planHosts({ address: '10.88.0.2', hostname: 'web', hostAddress: '10.0.2.2', extra })).toBe(
    [
      '10.0.0.5\tdb',
      'fd00::1\tv6',
      '10.0.2.2\th',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      '10.88.0.2\tweb',
      '10.0.2.2\thost.containers.internal host.docker.internal',
      '',
    ].join('\n'),
  )
  expect(planHosts({ hostname: 'alone' })).toContain('127.0.0.1\talone\n')
})

test.each(['db', ':10.0.0.5', 'db:', 'db:nowhere', 'a b:10.0.0.5', 'h:host-gateway', 'a\nb:10.0.0.5'])(
  'parseAddHost refuses %j',
  (text) => {
    expect(() => parseAddHost(text)).toThrow(`invalid host entry ${JSON.stringify(text)}`)
  },
)
