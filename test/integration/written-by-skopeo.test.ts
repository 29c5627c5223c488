/** Promise: an image that skopeo writes into the store is one of glasspod's: seen at once, run, renamed, removed. */
import { execa } from 'execa'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'

const hasSkopeo = ['/usr/bin', '/bin'].some((path) => existsSync(`${path}/skopeo`))

interface Listed {
  Id: string
  RepoTags: string[]
  RepoDigests: string[]
}

describe.runIf(hasSkopeo)('an image that skopeo writes into the store [needs skopeo]', () => {
  let root: TestRoot
  let layout: string
  let store: string
  beforeAll(async () => {
    root = makeRoot()
    layout = mkdtempSync('/tmp/gp-skopeo-')
    await root.seedImage()
    await root.ok(['push', '-q', root.image, `oci:${layout}:1`])
    const { Glasspod } = JSON.parse(await root.ok(['info', '--format', 'json'])) as { Glasspod: { imageStore: string } }
    store = Glasspod.imageStore
  })
  afterAll(async () => {
    await root.teardown()
    rmSync(layout, { recursive: true, force: true })
  })
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

  test('with a layer that is missing is refused by its digest', async () => {
    await copyIn('broken')
    const index = readFileSync(`${layout}/index.json`, 'utf8')
    const [{ digest } = { digest: '' }] = (JSON.parse(index) as { manifests: { digest: string }[] }).manifests
    const manifest = readFileSync(`${layout}/blobs/${digest.replace(':', '/')}`, 'utf8')
    const [layer] = (JSON.parse(manifest) as { layers: { digest: string }[] }).layers
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
