/** Promise: what a registry serves is what the store holds, and other tools can read it. */
import { execa } from 'execa'
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hexOf } from '../../images/digest.ts'
import { hostPlatform } from '../../images/platform.ts'
import { pull, type Pulled } from '../../images/pull.ts'
import { overlayLayers } from '../../images/snapshot.ts'
import { Store } from '../../images/store/store.ts'
import { buildDemoImage, type DemoImage } from '../fixtures/demo-image.ts'
import { pushLayout, startRegistry, type RunningRegistry } from '../fixtures/registry.ts'
import { applyMarks } from '../fixtures/tar-marks.ts'

const BUSYBOX = '/usr/bin/busybox'
const has = (program: string): boolean =>
  ['/usr/bin', '/bin', '/usr/sbin'].some((path) => existsSync(join(path, program)))
const isPossible = has('busybox') && has('docker-registry')
// Owners, mknod and an overlay mount: as root, in a mount namespace of its own.
const isRoot = process.geteuid?.() === 0

describe.runIf(isPossible)('images from a real registry', () => {
  let path: string
  let registry: RunningRegistry
  let demo: DemoImage
  let store: Store
  let pulled: Pulled
  const options = isRoot ? { applyMarks } : { applyMarks: () => Promise.resolve(), idLimit: 1 }

  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'glasspod-images-'))
    registry = await startRegistry()
    demo = await buildDemoImage(BUSYBOX, join(path, 'demo'))
    await pushLayout(join(path, 'demo'), `${registry.host}/demo:1`)
    store = await Store.open(join(path, 'images'))
    pulled = await pull(store, `${registry.host}/demo:1`, options)
  })
  afterAll(async () => {
    await store.close()
    await registry.stop()
    await rm(path, { recursive: true, force: true })
  })

  test('the demo image is the same bytes each time', async () => {
    expect(await buildDemoImage(BUSYBOX, join(path, 'again'))).toEqual(demo)
  })

  test('the image for this platform out of the index', () => {
    const { image } = pulled
    expect(image.id).toBe(demo.id)
    expect(image.platform).toEqual(hostPlatform())
    expect(image.names).toEqual([`${registry.host}/demo:1`])
    expect(image.sources).toEqual([demo.digest])
    expect(image.config.cmd).toEqual(['sh'])
    expect(image.config.env).toContain('GREETING=hello from glasspod')
    expect(image.layers.map(({ digest }) => digest)).toEqual(demo.layers.map(({ digest }) => digest))
  })

  test('its layers, with links, modes and times', () => {
    const [last, www, base] = overlayLayers(store, pulled.image) as [string, string, string]
    expect(readFileSync(join(base, 'bin/busybox')).equals(readFileSync(BUSYBOX))).toBe(true)
    expect(lstatSync(join(base, 'bin/sh')).ino).toBe(lstatSync(join(base, 'bin/busybox')).ino)
    expect(readlinkSync(join(base, 'usr/bin/env'))).toBe('/bin/env')
    expect(lstatSync(join(base, 'tmp')).mode & 0o7777).toBe(0o1777)
    expect(lstatSync(join(base, 'tmp')).mtimeMs).toBe(1_704_067_200_000)
    expect(lstatSync(join(www, 'www/index.html')).uid).toBe(isRoot ? 33 : process.geteuid?.())
    expect(readdirSync(last).sort()).toEqual(['etc', 'var'])
  })

  test.runIf(isRoot)(
    'overlayfs puts them together: the whiteout and the opaque directory hide what they should [needs root]',
    async () => {
      // Names relative to one directory, as the agent mounts them.
      const lower = overlayLayers(store, pulled.image).map((layer) => layer.slice(store.layersDirectory.length + 1))
      const script =
        'cd "$1" && mount -t overlay overlay -o "ro,userxattr,lowerdir=$2" "$3" && ls "$3/etc" "$3/var/cache" && "$3/bin/busybox" cat "$3/www/index.html"'
      const target = await mkdtemp(join(path, 'mnt-'))
      const { stdout } = await execa('unshare', [
        '-m',
        'sh',
        '-c',
        script,
        'sh',
        store.layersDirectory,
        lower.join(':'),
        target,
      ])
      expect(stdout.replaceAll(target, '')).toBe(
        '/etc:\ngroup\npasswd\n\n/var/cache:\nnew\n<!doctype html><title>glasspod</title><h1>It works, and you can see why.</h1>',
      )
    },
  )

  test('another platform of the same name shares the layers', async () => {
    const other = hostPlatform().architecture === 'arm64' ? 'amd64' : 'arm64'
    const layers = readdirSync(store.layersDirectory)
    const { image } = await pull(store, `${registry.host}/demo:1`, {
      ...options,
      platform: { os: 'linux', architecture: other },
    })
    expect(image.platform.architecture).toBe(other)
    expect(readdirSync(store.layersDirectory)).toEqual(layers)
    expect((await store.find(pulled.image.id)).names).toEqual([])
    await pull(store, `${registry.host}/demo:1`, options)
    await store.remove(image.id)
    expect((await store.list()).map(({ id }) => id)).toEqual([pulled.image.id])
  })

  test('by digest', async () => {
    const { image } = await pull(store, `${registry.host}/demo@${demo.digest}`, options)
    expect(image.id).toBe(demo.id)
    expect((await store.remove(`${registry.host}/demo@${demo.digest}`)).deleted).toEqual([])
  })

  test.runIf(has('skopeo'))('skopeo reads the store as an OCI layout', async () => {
    const { stdout } = await execa('skopeo', ['inspect', '--raw', `oci:${store.directory}:${registry.host}/demo:1`])
    expect(JSON.parse(stdout)).toMatchObject({ config: { digest: demo.id } })
    await execa('skopeo', [
      'copy',
      '-q',
      '--insecure-policy',
      `oci:${store.directory}:${registry.host}/demo:1`,
      `dir:${path}/copy`,
    ])
    expect(readdirSync(join(path, 'copy')).sort()).toEqual(
      [...demo.layers.map(({ digest }) => hexOf(digest)), hexOf(pulled.image.id), 'manifest.json', 'version'].sort(),
    )
  })

  test('an unknown tag', async () => {
    await expect(pull(store, `${registry.host}/demo:none`, options)).rejects.toMatchObject({
      message: `registry ${registry.host} has no image ${registry.host}/demo:none`,
      facts: { status: 404, found: expect.stringContaining('MANIFEST_UNKNOWN') as unknown },
    })
  })
})
