/** Promise: an image store that lost its process at any system call is whole when it is opened again. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { saveImages } from '../../images/archive/save.ts'
import { digestOf, hexOf } from '../../images/digest.ts'
import { Store } from '../../images/store/store.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { inOrder, readTree } from '../fixtures/hostile/tree.ts'
import { patiently, thinned } from '../fixtures/patience.ts'

/** What changes a file system, and how many calls apart it is killed: most writes only wake another thread. */
const CALLS = { write: 7, fsync: 1, rename: 1, link: 1, mkdir: 1, unlink: 1, rmdir: 1 }
const TREES = [['d 755 d', 'f 644 a one', 'f 644 d/b two'], ['f 644 c three']]
const OTHER = 'localhost/other:1'

let work: string
let program: string
let registry: FaultyRegistry
const nameOfIt = (): string => `${registry.host}/x:latest`

const runStep = (directory: string, action: string, before: readonly string[] = []) => {
  const [command = '', ...args] = [...before, process.execPath, program, directory, action, registry.host]
  return execa(command, args, {
    reject: false,
    env: { UV_THREADPOOL_SIZE: '1', NODE_EXTRA_CA_CERTS: undefined, TMPDIR: work },
  })
}

const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'gp-crash-'))
  program = join(work, 'store-steps.mjs')
  await build({
    entryPoints: [new URL('../fixtures/store-steps.ts', import.meta.url).pathname],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
  })
  registry = await startFaultyRegistry(
    await makeSmallImage([
      [
        { name: 'a', content: 'one' },
        { name: 'd', type: 'directory' },
        { name: 'd/b', content: 'two' },
      ],
      [{ name: 'c', content: 'three' }],
    ]),
  )
  expect(await runStep(join(work, 'pulled', 'images'), 'pull')).toMatchObject({ exitCode: 0, stderr: '' })
  await inStore(join(work, 'pulled', 'images'), async (store) => {
    const saved = (await store.list()).map((image) => ({ image, references: image.names }))
    const chunks: Buffer[] = []
    for await (const chunk of await saveImages(store, saved, 'oci-archive')) chunks.push(chunk)
    // where the program looks for it
    writeFileSync(join(work, 'image.tar'), Buffer.concat(chunks))
  })
}, patiently(60_000))
afterAll(async () => {
  await registry.stop()
  rmSync(work, { recursive: true, force: true })
})

/** One thread of the pool, so that calls of one kind come in one order. @returns whether it was killed. */
const runUntil = async (directory: string, action: string, call: string, nth: number): Promise<boolean> => {
  const inject = `inject=${call}:signal=KILL:when=${nth}`
  const { signal, exitCode, stderr } = await runStep(directory, action, [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    inject,
  ])
  if (signal === 'SIGKILL') return true
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return false
}

/** Everything that is listed is whole, and nothing has a temporary name. @returns the names. */
const expectWhole = async (store: Store): Promise<readonly string[]> => {
  const blobs = join(store.directory, 'blobs', 'sha256')
  expect(readdirSync(store.directory).sort()).toEqual(['blobs', 'index.json', 'lock', 'oci-layout'])
  for (const hex of readdirSync(blobs)) expect(hexOf(digestOf(readFileSync(join(blobs, hex))))).toBe(hex)
  for (const name of readdirSync(store.layersDirectory)) expect(name).toMatch(/^[0-9a-f]{64}$/)
  const images = await store.list()
  for (const { layers } of images) {
    for (const { digest } of layers) expect(await store.hasBlob(digest)).toBe(true)
    expect(layers.map(({ diffId }) => inOrder(readTree(store.layerPath(diffId))))).toEqual(TREES.map(inOrder))
  }
  return images.flatMap(({ names }) => names)
}

const inStore = async <T>(directory: string, look: (store: Store) => Promise<T>): Promise<T> => {
  const store = await Store.open(directory)
  return look(store).finally(() => store.close())
}

interface Action {
  readonly action: string
  readonly isPulled: boolean
  /** Names before and after it. */
  readonly names: readonly [readonly string[], readonly string[]]
}

const listActions = (): readonly Action[] => [
  { action: 'pull', isPulled: false, names: [[], [nameOfIt()]] },
  { action: 'load', isPulled: false, names: [[], [nameOfIt()]] },
  { action: 'tag', isPulled: true, names: [[nameOfIt()], [nameOfIt(), OTHER]] },
  { action: 'rmi', isPulled: true, names: [[nameOfIt()], []] },
  { action: 'prune', isPulled: true, names: [[nameOfIt()], []] },
]

const expectEmpty = (directory: string): void => {
  const [blobs, layers] = [join(directory, 'blobs', 'sha256'), join(directory, '..', 'layers')]
  expect({ blobs: readdirSync(blobs), layers: readdirSync(layers) }).toEqual({ blobs: [], layers: [] })
}

const killAt = async ({ action, isPulled, names }: Action, call: string, nth: number): Promise<boolean> => {
  const root = mkdtempSync(join(work, 'run-'))
  const directory = join(root, 'images')
  if (isPulled) {
    cpSync(join(work, 'pulled'), root, { recursive: true })
    // as one that was killed before has left it
    writeFileSync(join(directory, 'lock'), '1 1\n')
  }
  const [before, after] = names
  const isKilled = await runUntil(directory, action, call, nth)
  const found = await inStore(directory, expectWhole)
  // removed is removed: blobs too, once somebody has opened it
  if (isPulled && found.length === 0) expectEmpty(directory)
  expect(isKilled ? [before, after] : [after]).toContainEqual(found)
  if (isKilled && (action !== 'rmi' || found.length > 0)) {
    expect(await runStep(directory, action)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await inStore(directory, expectWhole)).toEqual(after)
  }
  await inStore(directory, async (store) => {
    await store.prune(() => true)
    expectEmpty(directory)
  })
  rmSync(root, { recursive: true })
  return isKilled
}

describe.skipIf(!canTrace)('a store killed at any system call is whole [needs strace]', () => {
  test.each(['pull', 'load', 'tag', 'rmi', 'prune'])(
    '%s',
    async (name) => {
      const action = listActions().find((one) => one.action === name)
      if (action === undefined) throw new Error(name)
      const killed: Record<string, number> = {}
      for (const [call, apart] of Object.entries(CALLS)) {
        let nth = 1
        while (await killAt(action, call, nth)) nth += thinned(apart)
        killed[call] = nth - 1
      }
      // It was killed while it gave names, and while it wrote.
      expect(killed['rename']).toBeGreaterThan(0)
      expect(killed['write']).toBeGreaterThan(0)
    },
    patiently(300_000),
  )
})
