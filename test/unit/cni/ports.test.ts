import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSocketInodes } from '../../../cni/listener.ts'
import {
  formatPort,
  isSameSocket,
  parseDnat,
  parsePublish,
  planDnat,
  planDnatRemoval,
  planPublish,
  type Published,
} from '../../../cni/ports.ts'

const show = (text: string): string[] => parsePublish(text).map(formatPort)

describe('parsePublish', () => {
  test.each([
    ['80', ['0.0.0.0:->80/tcp']],
    ['8080:80', ['0.0.0.0:8080->80/tcp']],
    ['8080:80/UDP', ['0.0.0.0:8080->80/udp']],
    ['127.0.0.1:8080:80', ['127.0.0.1:8080->80/tcp']],
    ['127.0.0.1::80', ['127.0.0.1:->80/tcp']],
    [':8080:80', ['0.0.0.0:8080->80/tcp']],
    ['[::1]:8080:80', ['[::1]:8080->80/tcp']],
    ['[::1]::80', ['[::1]:->80/tcp']],
    ['8000-8002:80-82', ['0.0.0.0:8000->80/tcp', '0.0.0.0:8001->81/tcp', '0.0.0.0:8002->82/tcp']],
    ['80-81', ['0.0.0.0:->80/tcp', '0.0.0.0:->81/tcp']],
  ])('%s', (text, shown) => expect(show(text)).toEqual(shown))

  test.each([
    ['99999:80', 'port numbers must be between 1 and 65535 (inclusive), got 99999'],
    ['0:80', 'port numbers must be between 1 and 65535 (inclusive), got 0'],
    ['80:http', 'invalid port number "http"'],
    ['', 'no container port'],
    ['8080:', 'no container port'],
    ['80/sctp', 'protocol "sctp" is not tcp or udp'],
    ['80/tcp/udp', 'at most one protocol may be given'],
    ['::1:8080:80', 'too many or too few colons (an IPv6 address goes in brackets)'],
    ['host:8080:80', '"host" is not an IP address'],
    ['8000-8002:80-81', 'host and container port ranges have different lengths: 3 vs 2'],
    ['82-80', 'the last port of range 82-80 is below the first'],
    ['80-81-82', 'port ranges are of the form start-stop'],
  ])('refuses %j', (text, what) => {
    expect(() => parsePublish(text)).toThrow(`invalid port ${JSON.stringify(text)}: ${what}`)
  })

  test('any valid mapping is read as it was written', () => {
    const port = fc.integer({ min: 1, max: 65_535 })
    fc.assert(
      fc.property(fc.ipV4(), port, port, fc.constantFrom('tcp', 'udp'), (ip, host, container, protocol) => {
        expect(parsePublish(`${ip}:${host}:${container}/${protocol}`)).toEqual([
          { hostIp: ip, hostPort: host, containerPort: container, protocol },
        ])
      }),
    )
  })

  test('any text is a mapping or a failure, never another error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          for (const { containerPort } of parsePublish(text)) expect(containerPort).toBeGreaterThan(0)
        } catch (error) {
          expect((error as Error).name).toBe('Failure')
        }
      }),
    )
  })
})

const published = (nodePort: number, podAddress = '10.88.0.2'): Published => ({
  hostIp: '127.0.0.1',
  hostPort: 8080,
  nodePort,
  podAddress,
  containerPort: 80,
  protocol: 'tcp',
})

test('a node port is the host port, unless another host address has it', () => {
  const mapping = { hostIp: '127.0.0.2', hostPort: 8080, containerPort: 80, protocol: 'tcp' as const }
  expect(planPublish([mapping], '10.88.0.3', [])[0]?.nodePort).toBe(8080)
  expect(planPublish([mapping], '10.88.0.3', [published(8080)])[0]?.nodePort).toBe(65535)
  expect(planPublish([mapping], '10.88.0.3', [published(8080), published(65535)])[0]?.nodePort).toBe(65534)
  expect(planPublish([{ ...mapping, protocol: 'udp' }], '10.88.0.3', [published(8080)])[0]?.nodePort).toBe(8080)
})

test('two publications want the same socket when port, protocol and an address agree', () => {
  const one = published(8080)
  expect(isSameSocket(one, { ...one, hostIp: '0.0.0.0' })).toBe(true)
  expect(isSameSocket(one, { ...one, hostIp: '127.0.0.2' })).toBe(false)
  expect(isSameSocket(one, { ...one, protocol: 'udp' })).toBe(false)
})

test('planDnat matches the node’s own addresses only, and masquerades hairpins', () => {
  const networks = [{ gateway: '10.88.0.1', subnet: '10.88.0.0/16' }]
  expect(planDnat([published(8080)], '10.0.2.100', networks)).toMatchInlineSnapshot(`
    "add table ip glasspod-ports
    add set ip glasspod-ports node { type ipv4_addr; }
    add set ip glasspod-ports pods { type ipv4_addr; flags interval; }
    add map ip glasspod-ports tcp_ports { type inet_service : ipv4_addr . inet_service; }
    add map ip glasspod-ports udp_ports { type inet_service : ipv4_addr . inet_service; }
    add chain ip glasspod-ports prerouting { type nat hook prerouting priority dstnat; policy accept; }
    add chain ip glasspod-ports postrouting { type nat hook postrouting priority srcnat; policy accept; }
    flush chain ip glasspod-ports prerouting
    flush chain ip glasspod-ports postrouting
    add rule ip glasspod-ports prerouting ip daddr @node dnat ip to tcp dport map @tcp_ports
    add rule ip glasspod-ports prerouting ip daddr @node dnat ip to udp dport map @udp_ports
    add rule ip glasspod-ports postrouting ct status dnat ip saddr @pods masquerade
    add element ip glasspod-ports node { 10.0.2.100 }
    add element ip glasspod-ports node { 10.88.0.1 }
    add element ip glasspod-ports pods { 10.88.0.0/16 }
    add element ip glasspod-ports tcp_ports { 8080 : 10.88.0.2 . 80 }
    "
  `)
})

test('the last entry takes the table with it', () => {
  const [a, b] = [published(8080), published(8081, '10.88.0.3')]
  expect(planDnatRemoval([a], [a, b])).toBe('delete element ip glasspod-ports tcp_ports { 8080 }\n')
  expect(planDnatRemoval([a, b], [a, b])).toBe('delete table ip glasspod-ports\n')
})

test('parseDnat reads what nft 1.0.6 prints', () => {
  const map = (name: string, elem?: unknown): object => ({ map: { family: 'ip', name, elem } })
  const text = JSON.stringify({
    nftables: [
      { metainfo: {} },
      map('tcp_ports', [[8080, { concat: ['10.88.0.2', 80] }]]),
      map('udp_ports'),
      { set: { name: 'node', elem: ['10.0.2.100'] } },
    ],
  })
  expect(parseDnat(text)).toEqual([{ protocol: 'tcp', nodePort: 8080, podAddress: '10.88.0.2', containerPort: 80 }])
})

test('parseSocketInodes finds who listens, not who is connected', () => {
  const text = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0',
    '   1: 0100007F:1F90 0100007F:C0DE 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0',
  ].join('\n')
  expect(parseSocketInodes(text, 'tcp', 8080)).toEqual(['4711'])
  expect(parseSocketInodes(text, 'tcp', 80)).toEqual([])
})
