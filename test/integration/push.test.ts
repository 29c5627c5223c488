/** Promise: what glasspod pushes, a real registry takes, and docker's, podman's and skopeo's own programs read. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { startRegistry, type RunningRegistry } from '../fixtures/registry.ts'

const has = (program: string): boolean => ['/usr/bin', '/bin'].some((path) => existsSync(`${path}/${program}`))

describe('push', () => {
  let root: TestRoot
  let registry: RunningRegistry
  let directory: string
  beforeAll(async () => {
    root = makeRoot()
    registry = await startRegistry()
    directory = mkdtempSync('/tmp/gp-push-')
    await root.seedImage()
  })
  afterAll(async () => {
    await root.teardown()
    await registry.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const digestOf = async (name: string): Promise<string> =>
    (JSON.parse(await root.ok(['image', 'inspect', name])) as { Digest: string }[])[0]?.Digest ?? ''

  test('prints the digest, tells of each blob, and sends nothing twice', async () => {
    const first = await root.glasspod(['push', root.image, `${registry.host}/team/demo:1`])
    expect(first).toMatchObject({ exitCode: 0, stdout: await digestOf(root.image) })
    expect(first.stderr.match(/: Pushed$/gm)).toHaveLength(4)
    expect(first.stderr).toMatch(/^1: digest: sha256:[0-9a-f]{64} size: \d+$/m)
    const second = await root.glasspod(['push', root.image, `${registry.host}/team/demo:2`])
    expect(second.stderr.match(/: Already exists$/gm)).toHaveLength(4)
    await root.ok(['tag', root.image, `${registry.host}/team/demo:1`])
    const third = await root.glasspod(['push', root.image, `${registry.host}/other/demo:1`])
    expect(third.stderr.match(/: Mounted$/gm)).toHaveLength(4)
    expect(await root.ok(['push', '-q', `${registry.host}/team/demo:1`])).toBe(await digestOf(root.image))
    expect(await root.ok(['images', '-a', '--digests'])).toContain(` ${await digestOf(root.image)} `)
    expect(await root.ok(['images', '--format', '{{.Digest}}'])).toContain(await digestOf(root.image))
  })

  test('what was pushed is pulled again, the same', async () => {
    await root.ok(['push', '-q', root.image, `${registry.host}/again`])
    const id = await root.ok(['pull', '-q', `${registry.host}/again`])
    expect(id).toBe(((JSON.parse(await root.ok(['inspect', root.image])) as { Id: string }[])[0] ?? {}).Id)
  })

  test('dockerode pushes, and hears the digest', async () => {
    const docker = root.docker()
    const name = `${registry.host}/by/dockerode`
    await root.ok(['tag', root.image, `${name}:7`, `${name}:8`])
    const push = async (options: object) => {
      const stream = await docker.getImage(name).push(options)
      return new Promise<{ aux?: { Tag: string; Digest: string } }[]>((resolve, reject) =>
        docker.modem.followProgress(stream, (error: Error | null, output: object[]) =>
          error === null ? resolve(output) : reject(error),
        ),
      )
    }
    const digest = await digestOf(root.image)
    expect((await push({ tag: '7' })).flatMap(({ aux }) => aux ?? [])).toMatchObject([{ Tag: '7', Digest: digest }])
    // Without a tag: all of them.
    expect((await push({})).flatMap(({ aux }) => aux?.Tag ?? [])).toEqual(['7', '8'])
  })

  test('says what cannot be pushed', async () => {
    const unknown = await root.glasspod(['push', 'nothing:here'])
    expect(unknown.exitCode).toBe(125)
    expect(unknown.stderr).toContain('error: no such image: nothing:here')
    const nobody = await root.glasspod(['push', '-q', root.image, 'localhost:1/x'])
    expect(nobody.exitCode).toBe(125)
    expect(nobody.stderr).toContain('error: registry localhost:1 cannot be reached: ECONNREFUSED')
    const id = await root.ok(['images', '-q'])
    expect((await root.glasspod(['push', id.split('\n')[0] ?? ''])).exitCode).toBe(125)
  })

  test.runIf(has('skopeo'))('skopeo reads it', async () => {
    await root.ok(['push', '-q', root.image, `${registry.host}/for/skopeo:1`])
    const source = `docker://${registry.host}/for/skopeo:1`
    const { stdout } = await execa('skopeo', ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', source])
    expect(stdout).toBe(await digestOf(root.image))
    await execa('skopeo', ['copy', '-q', '--src-tls-verify=false', source, `dir:${directory}/dir`])
    expect(JSON.parse(readFileSync(`${directory}/dir/manifest.json`, 'utf8'))).toHaveProperty('layers.length', 3)
  })

  const isRoot = process.getuid?.() === 0
  test.runIf(has('podman') && isRoot)('podman pulls it [needs root]', async () => {
    await root.ok(['push', '-q', root.image, `${registry.host}/for/podman:1`])
    const storage = ['--root', `${directory}/root`, '--runroot', `${directory}/run`, '--storage-driver', 'vfs']
    const podman = (...args: string[]) => execFileSync('podman', [...storage, ...args], { encoding: 'utf8' }).trim()
    const id = podman('pull', '-q', '--tls-verify=false', `${registry.host}/for/podman:1`)
    const [{ Id = '' } = {}] = JSON.parse(await root.ok(['inspect', root.image])) as { Id?: string }[]
    expect(`sha256:${id}`).toBe(Id)
    podman('rmi', '-a', '-f')
  })
})
