/** Promise: an image that skopeo writes into the store is one of glasspod's: seen at once, run, renamed, removed. */
import { execa } from 'execa'
import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { readImageStore, rootWith } from '../fixtures/root-with.ts'

const hasSkopeo = ['/usr/bin', '/bin'].some((path) => existsSync(`${path}/skopeo`))

interface Listed {
  Id: string
  RepoTags: string[]
  RepoDigests: string[]
}

/** What a pipe takes without a reader (pipe(7)). */
const PIPE_BYTES = 65_536
/** The state in /proc/net/unix (include/uapi/linux/net.h: SS_CONNECTED). */
const CONNECTED = '03'

/** How many connections an agent has with clients. @param socket where it listens: bound under another name, and renamed */
const countConnections = (socket: string): number =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => {
      const [, , , , , state, , path = ''] = line.split(/ +/)
      return state === CONNECTED && path.startsWith(`${dirname(socket)}/agent.`)
    }).length

/** Of the first image in a layout. */
const layersIn = (layout: string): { digest: string; size: number }[] => {
  const index = readFileSync(`${layout}/index.json`, 'utf8')
  const [{ digest } = { digest: '' }] = (JSON.parse(index) as { manifests: { digest: string }[] }).manifests
  const manifest = readFileSync(`${layout}/blobs/${digest.replace(':', '/')}`, 'utf8')
  return (JSON.parse(manifest) as { layers: { digest: string; size: number }[] }).layers
}

describe.runIf(hasSkopeo)('an image that skopeo writes into the store [needs skopeo]', () => {
  let root: TestRoot
  let layout: string
  let store: string
  let teardown: () => Promise<void>
  beforeAll(async () => {
    ;({ root, directory: layout, teardown } = await rootWith())
    await root.seedImage()
    await root.ok(['push', '-q', root.image, `oci:${layout}:1`])
    store = await readImageStore(root)
  })
  afterAll(() => teardown())
  const list = async () => JSON.parse(await root.ok(['images', '--format', 'json'])) as Listed[]
  const copyIn = (name: string) =>
    execa('skopeo', ['copy', '-q', '--insecure-policy', `oci:${layout}:1`, `oci:${store}:${name}`])
  const runs = async (name: string): Promise<string> =>
    root.ok(['run', '--rm', '--network', 'none', '--pull', 'never', name, 'cat', '/www/index.html'])

  test('is listed by the running agent, and runs though no layer of it is unpacked', async () => {
    const [{ Id } = { Id: '' }] = await list()
    await root.ok(['rmi', root.image])
    expect(await list()).toEqual([])
    await copyIn('written')
    expect(await list()).toMatchObject([{ Id, RepoTags: ['docker.io/library/written:latest'], RepoDigests: [] }])
    expect(readdirSync(`${root.dir}/layers`).filter((name) => !name.startsWith('.'))).toEqual([])
    expect(await runs('written')).toContain('It works')
    await copyIn('quay.io/team/app:2')
    expect((await list())[0]?.RepoTags).toEqual(['docker.io/library/written:latest', 'quay.io/team/app:2'])
    expect(await runs('quay.io/team/app:2')).toContain('It works')
  })

  test('gets further names, and goes with the last', async () => {
    await copyIn('written')
    await root.ok(['tag', 'written', 'again:1'])
    await root.ok(['rmi', 'written'])
    expect(await runs('again:1')).toContain('It works')
    await root.ok(['image', 'prune', '--all', '--force'])
    expect(await list()).toEqual([])
    expect(readdirSync(`${root.dir}/images/blobs/sha256`)).toEqual([])
  })

  test('with all its platforms is the one for this machine, and goes with all of them', async () => {
    const copy = ['copy', '-q', '--all', '--insecure-policy', '--src-tls-verify=false']
    await execa('skopeo', [...copy, `docker://${root.image}`, `oci:${store}:many`])
    const { manifests } = JSON.parse(readFileSync(`${store}/index.json`, 'utf8')) as {
      manifests: { mediaType: string; digest: string }[]
    }
    expect(manifests.map(({ mediaType }) => mediaType)).toEqual(['application/vnd.oci.image.index.v1+json'])
    expect(await list()).toMatchObject([{ RepoTags: ['docker.io/library/many:latest'] }])
    // Nothing is unpacked yet, and what is for other machines takes its place too.
    const blobs = readdirSync(`${store}/blobs/sha256`).map((name) => statSync(`${store}/blobs/sha256/${name}`).size)
    expect(await root.docker().df()).toMatchObject({ LayersSize: blobs.reduce((sum, size) => sum + size) })
    expect(await runs('many')).toContain('It works')
    expect(await runs(`many@${manifests[0]?.digest ?? ''}`)).toContain('It works')
    await root.ok(['tag', 'many', 'again:2'])
    await root.ok(['rmi', 'many'])
    await root.ok(['image', 'prune', '--force'])
    expect(await runs('again:2')).toContain('It works')
    // For the other platforms too: what skopeo copies back is whole.
    await execa('skopeo', [
      'copy',
      '-q',
      '--all',
      '--insecure-policy',
      `oci:${store}:docker.io/library/again:2`,
      `oci:${layout}:all`,
    ])
    await root.ok(['rmi', 'again:2'])
    expect(await list()).toEqual([])
    expect(readdirSync(`${root.dir}/images/blobs/sha256`)).toEqual([])
  })

  test.each([[[]], [['-d']]])('is not unpacked further for a client that has gone (run %j)', async (flags) => {
    await copyIn('slow')
    const { socket } = JSON.parse(await root.ok(['agent', 'status', '--format', 'json'])) as { socket: string }
    const unpacked = () => readdirSync(`${root.dir}/layers`)
    expect(unpacked()).toEqual([])
    // The small layer comes out of a pipe, which holds the unpacking up at will.
    const [small] = layersIn(layout).sort((a, b) => a.size - b.size)
    const path = `${store}/blobs/${small?.digest.replace(':', '/') ?? ''}`
    const blob = readFileSync(path)
    expect(blob.length).toBeLessThan(PIPE_BYTES)
    rmSync(path)
    execFileSync('mkfifo', ['-m', '666', path])
    const pipe = openSync(path, 'r+')
    try {
      writeSync(pipe, blob.subarray(0, blob.length >> 1))
      const client = root.spawn(['run', '--rm', '--network', 'none', '--pull', 'never', ...flags, 'slow', 'true'])
      await until('all but one layer is unpacked', () => {
        const half = unpacked().filter((name) => name.endsWith('.tmp'))
        return half.length === 1 && unpacked().length === layersIn(layout).length
      })
      client.kill('SIGKILL')
      await client
      // What is half-closed is let go after a second; of an attached client's end it hears before it answers the next one.
      if (flags.length > 0) await until('the agent has let go of its client', () => countConnections(socket) === 0)
      await root.ok(['images'])
      writeSync(pipe, blob.subarray(blob.length >> 1))
    } finally {
      closeSync(pipe)
    }
    await until('nothing is half-made', () => unpacked().every((name) => !name.endsWith('.tmp')))
    expect(unpacked()).toHaveLength(layersIn(layout).length - 1)
    expect(await root.ok(['ps', '-aq'])).toBe('')
    await root.ok(['rmi', 'slow'])
  })

  test('with a layer that is missing is refused by its digest', async () => {
    await copyIn('broken')
    const [layer] = layersIn(layout)
    rmSync(`${store}/blobs/${layer?.digest.replace(':', '/') ?? ''}`)
    const { exitCode, stderr } = await root.glasspod(['run', '--rm', '--network', 'none', 'broken', 'true'])
    expect([exitCode, stderr]).toEqual([
      125,
      expect.stringContaining(`error: blob ${layer?.digest ?? ''} is not in the image store   [image.incomplete]`),
    ])
    writeFileSync(`${store}/index.json`, '{"schemaVersion":2,"manifests":[]}')
    expect(await list()).toEqual([])
  })
})
