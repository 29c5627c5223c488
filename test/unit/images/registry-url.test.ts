import { describe, expect, test } from 'vitest'
import { checkUrl, isLinkLocal, isLoopback, lookupAllowed, originsOf } from '../../../images/registry/url.ts'

test.each([
  ['docker.io', 'https://registry-1.docker.io/'],
  ['quay.io', 'https://quay.io/'],
  ['localhost:5000', 'http://localhost:5000/'],
  ['127.9.9.9:1', 'http://127.9.9.9:1/'],
  ['[::1]:5000', 'http://[::1]:5000/'],
  ['127.0.0.1.example.com', 'https://127.0.0.1.example.com/'],
  ['10.0.0.1:5000', 'https://10.0.0.1:5000/'],
])('%s is asked at %s first', (host, url) => expect(originsOf({ host, insecure: false })[0]?.href).toBe(url))

test('plain HTTP is tried where registries.conf says insecure, after TLS', () => {
  expect(originsOf({ host: 'in.house:5000', insecure: true }).map(({ href }) => href)).toEqual([
    'https://in.house:5000/',
    'http://in.house:5000/',
  ])
  expect(originsOf({ host: 'in.house:5000', insecure: false })).toHaveLength(1)
  expect(checkUrl(new URL('http://in.house:5000/'), { host: 'in.house:5000', insecure: true }).port).toBe('5000')
})

describe('checkUrl', () => {
  test.each([
    ['https://169.254.169.254/', 'docker.io'],
    ['http://169.254.169.254/', 'localhost:5000'],
    ['https://[::ffff:169.254.169.254]/', 'docker.io'],
    ['https://2852039166/', 'docker.io'],
    ['https://[fe80::1]/', 'docker.io'],
    ['https://[febf::1]/', 'docker.io'],
    ['http://example.com/', 'docker.io'],
    ['http://example.com/', 'localhost:5000'],
    ['https://localhost/', 'docker.io'],
    ['https://127.1/', 'docker.io'],
    ['file:///etc/passwd', 'localhost:5000'],
    ['data:,x', 'docker.io'],
    ['https://0.0.0.0/', 'docker.io'],
    ['https://[::ffff:127.0.0.1]/', 'docker.io'],
    ['https://[64:ff9b::a9fe:a9fe]/', 'docker.io'],
    ['https://user:password@example.com/', 'docker.io'],
  ])('%s is refused for %s', (url, registry) => {
    expect(() => checkUrl(new URL(url), { host: registry, insecure: false })).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ id: 'registry.url' }) as unknown }) as unknown,
    )
  })

  test.each([
    ['https://cdn.example.com/', 'docker.io'],
    ['https://example.com/', 'localhost:5000'],
    ['http://127.0.0.1:6000/', 'localhost:5000'],
  ])('%s is allowed for %s', (url, registry) =>
    expect(checkUrl(new URL(url), { host: registry, insecure: false }).href).toBe(url),
  )
})

test('loopback and link-local are what they are', () => {
  expect(['localhost', '::1', '[::1]', '127.0.0.1'].map(isLoopback)).toEqual([true, true, true, true])
  expect(['localhost.example.com', '127.example.com', '128.0.0.1'].map(isLoopback)).toEqual([false, false, false])
  expect(['169.254.0.1', 'fe80::1', '::ffff:169.254.1.1'].map(isLinkLocal)).toEqual([true, true, true])
  expect(['169.255.0.1', 'fec0::1', 'fe80.example.com'].map(isLinkLocal)).toEqual([false, false, false])
})

test('a host name does not lead to a link-local address, nor to this machine unless it may', async () => {
  const lookup = (name: string, mayBeLoopback = true) =>
    new Promise((resolve) =>
      lookupAllowed(mayBeLoopback)(name, { all: true }, (error, found) => resolve(error?.message ?? found)),
    )
  expect(await lookup('169.254.169.254')).toBe('169.254.169.254 has only addresses of this machine or link')
  expect(await lookup('127.0.0.1')).toEqual([{ address: '127.0.0.1', family: 4 }])
  expect(await lookup('127.0.0.1', false)).toBe('127.0.0.1 has only addresses of this machine or link')
})
