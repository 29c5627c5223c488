import { describe, expect, test } from 'vitest'
import { checkUrl, isLinkLocal, isLoopback, lookupPublic, registryUrl } from '../../../images/registry/url.ts'

test.each([
  ['docker.io', 'https://registry-1.docker.io/'],
  ['quay.io', 'https://quay.io/'],
  ['localhost:5000', 'http://localhost:5000/'],
  ['127.9.9.9:1', 'http://127.9.9.9:1/'],
  ['[::1]:5000', 'http://[::1]:5000/'],
  ['127.0.0.1.example.com', 'https://127.0.0.1.example.com/'],
  ['10.0.0.1:5000', 'https://10.0.0.1:5000/'],
])('%s is asked at %s', (registry, url) => expect(registryUrl(registry).href).toBe(url))

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
  ])('%s is refused for %s', (url, registry) => {
    expect(() => checkUrl(new URL(url), registry)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ id: 'registry.url' }) as unknown }) as unknown,
    )
  })

  test.each([
    ['https://cdn.example.com/', 'docker.io'],
    ['https://example.com/', 'localhost:5000'],
    ['http://127.0.0.1:6000/', 'localhost:5000'],
  ])('%s is allowed for %s', (url, registry) => expect(checkUrl(new URL(url), registry).href).toBe(url))
})

test('loopback and link-local are what they are', () => {
  expect(['localhost', '::1', '[::1]', '127.0.0.1'].map(isLoopback)).toEqual([true, true, true, true])
  expect(['localhost.example.com', '127.example.com', '128.0.0.1'].map(isLoopback)).toEqual([false, false, false])
  expect(['169.254.0.1', 'fe80::1', '::ffff:169.254.1.1'].map(isLinkLocal)).toEqual([true, true, true])
  expect(['169.255.0.1', 'fec0::1', 'fe80.example.com'].map(isLinkLocal)).toEqual([false, false, false])
})

test('a host name that leads to a link-local address does not resolve', async () => {
  const lookup = (name: string) =>
    new Promise((resolve) => lookupPublic(name, { all: true }, (error, found) => resolve(error?.message ?? found)))
  expect(await lookup('169.254.169.254')).toBe('169.254.169.254 has only link-local addresses')
  expect(await lookup('127.0.0.1')).toEqual([{ address: '127.0.0.1', family: 4 }])
})
