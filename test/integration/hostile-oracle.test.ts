/** Promise: what glasspod makes of a hostile archive that it takes, umoci makes too, and podman. */
import { execa } from 'execa'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, hexOf } from '../../images/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../images/media-types.ts'
import { NAME_ANNOTATION } from '../../images/store/layout-index.ts'
import { toSmallImage } from '../fixtures/faulty-registry.ts'
import type { HostileCase } from '../fixtures/hostile/case.ts'
import { corpus } from '../fixtures/hostile/corpus.ts'
import { inOrder, readTree } from '../fixtures/hostile/tree.ts'
import { patiently } from '../fixtures/patience.ts'

const has = (program: string): boolean => ['/usr/bin', '/bin'].some((path) => existsSync(join(path, program)))
const isRoot = process.geteuid?.() === 0
/** The user namespace of the container tools, where root does not have all ids. Directories that no entry names get the umask. */
const NODE = [
  'sh',
  '-c',
  'umask 022; exec "$@"',
  'sh',
  ...(isRoot ? [] : ['unshare', '--map-root-user', '--map-auto', '--']),
]

/** Where the others are no measure. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'a hard link to itself, where a file is': 'umoci removes the file, and then has no target',
  'a hard link to itself through a symbolic link': 'the same',
  'an old directory: a file with a slash at its end': 'umoci makes a file of it',
  'a global PAX header is passed over': 'umoci takes it for an entry',
  'devices are empty files': 'root of the whole machine makes devices',
  'a device is replaced by a file, a file by a device': 'the same',
  'marks of aufs itself': 'umoci keeps them',
}
/** podman 4 takes some of these for several entries of one name and refuses, or deletes what the layer itself brings. */
const BY_PODMAN_OTHERWISE = [
  'a whiteout of what is not there',
  'an opaque directory spares entries before it',
  'a whiteout spares the entry of the same layer, before it',
  'a whiteout of a directory spares what the layer has in it',
]
/** It needs a quarter of a second for each. */
const EVERY = 5

const taken = corpus('/glasspod-outside/canary').flatMap((hostile) => {
  const { name, form, expect: expected } = hostile
  return 'tree' in expected && form !== 'overlay' && !(name in OTHERWISE) ? [{ hostile, tree: expected.tree }] : []
})

const writeLayout = ({ tar, below }: HostileCase, layout: string): void => {
  const blobs = join(layout, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const { manifest, config, layers } = toSmallImage(below === undefined ? [tar] : [below, tar])
  for (const blob of [manifest, config, ...layers]) writeFileSync(join(blobs, hexOf(digestOf(blob))), blob)
  const annotations = { [NAME_ANNOTATION]: 'latest' }
  const entry = { mediaType: OCI_MANIFEST, digest: digestOf(manifest), size: manifest.length, annotations }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index))
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

const execute = async (argv: readonly string[]): Promise<string> => {
  const [program = '', ...args] = argv
  return (await execa(program, args, { stdin: 'ignore' })).stdout
}

describe.runIf(['umoci', 'podman'].every(has))('hostile archives that are taken [needs umoci, podman]', () => {
  let work: string
  beforeAll(() => {
    // podman takes lower case only
    work = `/tmp/gp-hostile-${randomBytes(4).toString('hex')}`
    mkdirSync(work)
  })
  afterAll(() => execute([...NODE, 'rm', '-rf', work]))

  test('are the tree that umoci makes of them', { timeout: patiently(120_000) }, async () => {
    expect(taken.length).toBeGreaterThanOrEqual(50)
    const differing: unknown[] = []
    for (const [at, { hostile, tree }] of taken.entries()) {
      const [layout, bundle] = [join(work, `layout${at}`), join(work, `bundle${at}`)]
      writeLayout(hostile, layout)
      await execute([...NODE, 'umoci', 'unpack', '--image', `${layout}:latest`, bundle])
      const theirs = inOrder(readTree(join(bundle, 'rootfs')))
      if (JSON.stringify(theirs) !== JSON.stringify(inOrder(tree))) differing.push([hostile.name, theirs])
    }
    expect(differing).toEqual([])
  })

  test('and the one that podman makes of those that it takes', { timeout: patiently(120_000) }, async () => {
    const storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs']
    const asked = taken.filter(({ hostile }) => !BY_PODMAN_OTHERWISE.includes(hostile.name))
    const some = asked.filter((_, place) => place % EVERY === 0)
    let same = 0
    for (const [at, { hostile, tree }] of some.entries()) {
      const [layout, copy] = [join(work, `podman${at}`), join(work, `copy${at}`)]
      writeLayout(hostile, layout)
      const pulled = await execa('podman', [...storage, 'pull', '-q', `oci:${layout}:latest`], {
        reject: false,
        stdin: 'ignore',
      })
      if (pulled.exitCode !== 0) continue
      const script = `cp -a "$(podman ${storage.join(' ')} image mount ${pulled.stdout})" ${copy}`
      await execute([...(isRoot ? [] : ['podman', ...storage, 'unshare']), 'sh', '-c', script])
      expect([hostile.name, inOrder(readTree(copy))]).toEqual([hostile.name, inOrder(tree)])
      same++
    }
    expect(same).toBeGreaterThanOrEqual(some.length / 2)
  })
})
