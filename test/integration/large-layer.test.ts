/** Promise: a pull takes the memory that it takes, whatever the size of its layers, two of which are unpacked at once. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGzip } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { digestOf, createHasher, hexOf, type Digest } from '../../images/digest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../images/media-types.ts'
import { hostPlatform } from '../../images/platform.ts'
import { makeRoot, readAgentPid, type TestRoot } from '../fixtures/glasspod.ts'
import { END, header } from '../fixtures/hostile/raw-tar.ts'
import { pushLayout, startRegistry, type RunningRegistry } from '../fixtures/registry.ts'

const MIB = 1024 * 1024
/** Of the one file in each layer: twice the bound. */
const SIZE = 300 * MIB
const BOUND = 150 * MIB

const makeLayer = async (name: string): Promise<{ diffId: Digest; bytes: Buffer }> => {
  const hasher = createHasher()
  const gzip = createGzip({ level: 1 })
  const compressed: Buffer[] = []
  gzip.on('data', (chunk: Buffer) => compressed.push(chunk))
  const chunk = Buffer.alloc(MIB, 'a line like any other of a file that is large\n')
  const pieces = [header({ name, size: SIZE }), ...Array<Buffer>(SIZE / MIB).fill(chunk), END]
  for (const piece of pieces) {
    hasher.update(piece)
    if (!gzip.write(piece)) await new Promise((resolve) => gzip.once('drain', resolve))
  }
  gzip.end()
  await new Promise((resolve) => gzip.once('end', resolve))
  return { diffId: hasher.digest(), bytes: Buffer.concat(compressed) }
}

const writeLayout = async (directory: string): Promise<void> => {
  const blobs = join(directory, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const save = (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes)
    writeFileSync(join(blobs, hexOf(digest)), bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const made = [await makeLayer('one'), await makeLayer('two')]
  const layers = made.map(({ bytes }) => save(OCI_LAYER_GZIP, bytes))
  const { os, architecture } = hostPlatform()
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  const rootfs = { type: 'layers', diff_ids: made.map(({ diffId }) => diffId) }
  const config = save(OCI_CONFIG, json({ os, architecture, config: {}, rootfs }))
  const manifest = save(OCI_MANIFEST, json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
  writeFileSync(join(directory, 'index.json'), json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest] }))
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

describe('layers that are larger than the memory they may take', () => {
  let root: TestRoot
  let registry: RunningRegistry
  beforeAll(async () => {
    root = makeRoot()
    registry = await startRegistry()
    const layout = mkdtempSync('/tmp/gp-large-')
    try {
      await writeLayout(layout)
      await pushLayout(layout, `${registry.host}/large:1`)
    } finally {
      rmSync(layout, { recursive: true })
    }
  })
  afterAll(async () => {
    await registry.stop()
    await root.teardown()
  })

  test('are pulled within 150 MB', async () => {
    const pid = await readAgentPid(root)
    await root.ok(['pull', '-q', `${registry.host}/large:1`])
    const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    expect(Number(peak) * 1024).toBeLessThan(BOUND)
  })
})
