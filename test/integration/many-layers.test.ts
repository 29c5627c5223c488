/** An image of as many layers as Docker builds: their names do not fit one mount(2). */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { expectNoResidue } from '../fixtures/residue.ts'

const LAYERS = 127
const root = makeRoot()
let registry: FaultyRegistry
let image = ''

beforeAll(async () => {
  const busybox = { name: 'bin/busybox', content: readFileSync('/bin/busybox'), mode: 0o755 }
  const base = [
    busybox,
    ...['sh', 'cat', 'ls', 'sleep'].map((name) => ({
      name: `bin/${name}`,
      type: 'symlink' as const,
      linkname: 'busybox',
    })),
  ]
  const more = Array.from({ length: LAYERS - 1 }, (_, index) => [
    { name: `each/${index + 1}`, content: `${index + 1}` },
    { name: 'last', content: `${index + 1}\n` },
  ])
  registry = await startFaultyRegistry(await makeSmallImage([base, ...more], false, { StopSignal: 'SIGUSR1' }))
  image = `${registry.host}/x`
})
afterAll(async () => {
  await root.teardown()
  await registry.stop()
})

test('each layer is there, the last one on top; a restart finds the same; and nothing is left', async () => {
  const { exitCode, stderr } = await root.glasspod(['pull', image])
  const lines = stderr.split('\n').filter((line) => /^[0-9a-f]{12}: /.test(line))
  expect({ exitCode, lines: lines.length }).toEqual({ exitCode: 0, lines: 2 * LAYERS })
  const before = await root.residue()
  const script = 'ls /each | while read n; do cat /each/$n; echo; done; echo more >> /last; cat /last'
  const numbers = (await root.ok(['run', '--name', 'deep', '--network', 'none', image, 'sh', '-c', script])).split('\n')
  const added = numbers.splice(-2)
  expect(numbers.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: LAYERS - 1 }, (_, index) => index + 1))
  expect(added).toEqual([`${LAYERS - 1}`, 'more'])
  expect((await root.ok(['start', '-a', 'deep'])).split('\n').slice(-3)).toEqual([`${LAYERS - 1}`, 'more', 'more'])
  await root.ok(['rm', 'deep'])
  await expectNoResidue(root.dir, before)
})

test('stop asks with the signal that the image names', async () => {
  const script = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done"
  await root.ok(['run', '-d', '--name', 'asked', '--network', 'none', image, 'sh', '-c', script])
  await until('it is ready', async () => (await root.ok(['logs', 'asked'])) === 'ready')
  await root.ok(['stop', 'asked'])
  expect((await root.inspect('asked')).State).toMatchObject({ ExitCode: 7 })
  await root.ok(['rm', 'asked'])
})
