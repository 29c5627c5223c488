import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseConflist } from '../../../cni/conflist.ts'
import { parseError, parseResult, podAddress } from '../../../cni/result.ts'
import { addNetwork, checkNetwork, delNetwork, planEnvironment, planInput } from '../../../cni/runner.ts'
import { formatFailure, isFailure } from '../../../runtime/errors.ts'

const dir = mkdtempSync(join(tmpdir(), 'glasspod-runner-'))
afterAll(() => rmSync(dir, { recursive: true }))

const attachment = { containerId: 'c', netns: '/proc/1/ns/net', ifName: 'eth0' }
const host = { path: [dir] }
const LOG = join(dir, 'log')

/** A plugin that notes its verb and the result it was given, then runs `body`. */
const writePlugin = (name: string, body: string): void => {
  writeFileSync(join(dir, name), `#!/bin/sh\nconf=$(cat)\necho "${name} $CNI_COMMAND" >>${LOG}\n${body}\n`)
  chmodSync(join(dir, name), 0o755)
}
const listOf = (...types: string[]): ReturnType<typeof parseConflist> =>
  parseConflist(JSON.stringify({ cniVersion: '1.0.0', name: 'n', plugins: types.map((type) => ({ type })) }))
const readCalls = async (work: () => Promise<unknown>): Promise<{ calls: string; error: unknown }> => {
  writeFileSync(LOG, '')
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return { calls: readFileSync(LOG, 'utf8').trim().split('\n').join(', '), error }
}

writePlugin('first', 'echo \'{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}\'')
writePlugin('second', 'printf %s "$conf" | jq -c .prevResult')
writePlugin('refusing', '[ $CNI_COMMAND = DEL ] || { echo \'{"code":11,"msg":"later","details":"d"}\'; exit 1; }')
writePlugin('mute', 'echo oops >&2; exit 3')
writePlugin('babbling', 'echo hello')

describe('a chain of plugins', () => {
  test('ADD goes forward with prevResult, DEL backward, CHECK forward', async () => {
    const added = await readCalls(async () => {
      expect(await addNetwork(listOf('first', 'second'), attachment, host)).toMatchObject({
        ips: [{ address: '10.0.0.2/24' }],
      })
    })
    expect(added).toEqual({ calls: 'first ADD, second ADD', error: undefined })
    expect((await readCalls(() => delNetwork(listOf('first', 'second'), attachment, host))).calls).toBe(
      'second DEL, first DEL',
    )
    const check = checkNetwork(listOf('first', 'second'), attachment, host, { cniVersion: '1.0.0' })
    await expect(check).resolves.toBeUndefined()
  })

  test('an ADD that fails is undone backwards, and the failure names plugin, code and message', async () => {
    const { calls, error } = await readCalls(() => addNetwork(listOf('first', 'refusing', 'second'), attachment, host))
    expect(calls).toBe('first ADD, refusing ADD, second DEL, refusing DEL, first DEL')
    if (!isFailure(error)) throw error
    expect(formatFailure(error.message, error.facts)).toMatchInlineSnapshot(`
      "error: CNI plugin refusing: ADD failed: later (code 11)   [network.plugin.11]
       found  d
       see    https://www.cni.dev/docs/spec/#error"
    `)
  })

  test('DEL goes on behind a plugin that fails', async () => {
    const { calls, error } = await readCalls(() => delNetwork(listOf('first', 'mute'), attachment, host))
    expect(calls).toBe('mute DEL, first DEL')
    expect(error).toMatchObject({ message: 'CNI plugin mute: DEL failed: oops' })
  })

  test('an answer that is no result is an error', async () => {
    await expect(addNetwork(listOf('babbling'), attachment, host)).rejects.toThrow(
      'CNI plugin babbling: ADD failed: the answer is not a result',
    )
  })

  test('a plugin that is not there is named with where it was sought', async () => {
    const { error } = await readCalls(() => addNetwork(listOf('absent'), attachment, host))
    expect(error).toMatchObject({
      message: 'CNI plugin absent: not found',
      facts: { id: 'network.plugin', found: `no executable of that name in ${dir}` },
    })
  })
})

test('planInput passes only the capabilities that the plugin declares', () => {
  const list = listOf('portmap')
  const plugin = { type: 'portmap', capabilities: { portMappings: true, mac: false }, snat: true }
  const capabilities = { portMappings: [{ hostPort: 1 }], mac: 'x', ips: [] }
  expect(planInput(list, plugin, { capabilities }, undefined)).toEqual({
    type: 'portmap',
    snat: true,
    cniVersion: '1.0.0',
    name: 'n',
    runtimeConfig: { portMappings: [{ hostPort: 1 }] },
  })
})

test('planEnvironment is the specification’s', () => {
  const given = { ...attachment, args: { IP: '10.0.0.9', K: 'v' } }
  expect(planEnvironment('ADD', listOf('x'), given, { path: ['/a', '/b'], cacheDir: '/c' })).toEqual({
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c',
    CNI_NETNS: '/proc/1/ns/net',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/a:/b',
    CNI_ARGS: 'IP=10.0.0.9;K=v',
    GLASSPOD_CNI_CACHE: '/c/n.cni',
  })
})

test('a result is told from an error', () => {
  expect(parseResult('{"cniVersion":"1.0.0","code":1,"msg":"m"}')).toBeUndefined()
  expect(parseError('{"cniVersion":"1.0.0"}')).toBeUndefined()
  expect(parseResult('[]')).toBeUndefined()
  expect(parseError('')).toBeUndefined()
  expect(podAddress({ cniVersion: '1.0.0' })).toBeUndefined()
  expect(
    podAddress({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'br' }, { name: 'eth0', sandbox: '/x' }],
      ips: [
        { address: '10.0.0.1/24', interface: 0 },
        { address: '10.0.0.2/24', interface: 1 },
      ],
    }),
  ).toBe('10.0.0.2')
})
