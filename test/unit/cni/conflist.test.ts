import { describe, expect, test } from 'vitest'
import { defaultConflist, inSession, parseConflist } from '../../../cni/conflist.ts'

const ONE = { cniVersion: '1.0.0', name: 'n', plugins: [{ type: 'bridge', bridge: 'br9' }] }

describe('parseConflist', () => {
  test('keeps the fields of a plugin that it does not know', () => {
    expect(parseConflist(JSON.stringify({ ...ONE, disableCheck: true }))).toEqual({ ...ONE, disableCheck: true })
  })

  test('reads what defaultConflist makes', () => {
    const made = defaultConflist({ dataDir: '/leases' })
    expect(parseConflist(JSON.stringify(made))).toEqual(made)
  })

  test.each([
    ['{', /^network configuration f\.conflist: not JSON \(/],
    ['[]', 'network configuration f.conflist: not an object'],
    [JSON.stringify({ ...ONE, name: '../x' }), 'network configuration f.conflist: name is not a network name'],
    [JSON.stringify({ ...ONE, cniVersion: 1 }), 'network configuration f.conflist: cniVersion is missing'],
    [JSON.stringify({ ...ONE, plugins: [] }), 'network configuration f.conflist: plugins is missing or empty'],
    [JSON.stringify({ ...ONE, plugins: [7] }), 'network configuration f.conflist: plugins[0] is not an object'],
    [
      JSON.stringify({ ...ONE, plugins: [{ type: '../../bin/sh' }] }),
      'network configuration f.conflist: plugins[0].type is not a plugin name',
    ],
    [
      JSON.stringify({ cniVersion: '1.0.0', name: 'n', type: 'bridge' }),
      'network configuration f.conflist: plugins is missing or empty (this is a single plugin; put it into plugins)',
    ],
  ])('refuses %s', (text, message) => {
    expect(() => parseConflist(text, 'f.conflist')).toThrow(message)
  })
})

describe('inSession', () => {
  const dirOf = (list: ReturnType<typeof inSession>) => list.plugins.map(({ ipam }) => ipam)

  test('the leases of an earlier session of this root are those of this one', () => {
    const made = defaultConflist({ dataDir: '/run/user/1000/glasspod/abc/cni' })
    expect(dirOf(inSession(made, '/tmp/glasspod-1000/abc/cni'))).toEqual(
      dirOf(defaultConflist({ dataDir: '/tmp/glasspod-1000/abc/cni' })),
    )
  })

  test('a directory that somebody has chosen stays', () => {
    for (const list of [defaultConflist({ dataDir: '/srv/leases' }), ONE])
      expect(inSession(list, '/tmp/glasspod-1000/abc/cni')).toEqual(list)
  })
})
