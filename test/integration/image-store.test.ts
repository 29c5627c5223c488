/** Promise: images are named, listed, told of and removed as docker and podman do it, and no container loses its own. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'

interface Listed {
  Id: string
  RepoTags: string[]
}

describe('the images of an agent', () => {
  let root: TestRoot
  const list = async (...flags: string[]) =>
    JSON.parse(await root.ok(['images', '--format', 'json', ...flags])) as Listed[]
  const blobs = () => readdirSync(`${root.dir}/images/blobs/sha256`)

  beforeAll(() => {
    root = makeRoot()
  })
  beforeEach(() => root.seedImage())
  afterAll(() => root.teardown())

  test('tag gives names, and rmi takes one after the other, the image with the last', async () => {
    await root.ok(['tag', root.image, 'team/app:2', 'team/app'])
    expect((await list()).map(({ RepoTags }) => RepoTags)).toEqual([
      [root.image, 'docker.io/team/app:2', 'docker.io/team/app:latest'],
    ])
    expect(await root.run(['--network', 'none', '--rm'], ['true'])).toMatchObject({ exitCode: 0 })
    expect((await list('team/*')).length).toBe(1)
    expect((await list('other/*')).length).toBe(0)
    const { stdout } = await root.glasspod(['rmi', root.image, 'team/app:2', 'team/app:latest'])
    expect(stdout.match(/Untagged/g)).toHaveLength(3)
    expect(stdout.match(/Deleted/g)).toHaveLength(1)
    expect(blobs()).toEqual([])
    expect(readdirSync(`${root.dir}/layers`).filter((name) => !name.startsWith('.'))).toEqual([])
  })

  test.each([
    ['team/app@sha256:' + 'a'.repeat(64), /is no name to give/],
    ['Team/App', /not an image reference/],
  ])('tag refuses %s', async (name, words) => {
    const { exitCode, stderr } = await root.glasspod(['tag', root.image, name])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(words)
  })

  test('docker’s client tags, lists, tells the history, and prunes', async () => {
    const docker = root.docker()
    await docker.getImage(root.image).tag({ repo: 'by/docker', tag: '7' })
    const history = (await docker.getImage('by/docker:7').history()) as { Id: string; Size: number }[]
    expect(history).toHaveLength(3)
    expect(history[0]?.Id).toBe((await list())[0]?.Id)
    await root.ok(['rmi', root.image])
    expect(await docker.pruneImages({ filters: { dangling: { false: true } } })).toMatchObject({
      ImagesDeleted: [{ Untagged: 'docker.io/by/docker:7' }, { Deleted: history[0]?.Id }],
    })
    const df = (await docker.df()) as { LayersSize: number; Images: unknown[] }
    expect(df).toMatchObject({ LayersSize: 0, Images: [] })
  })

  test('an image that lost its last name by force is dangling while a container has it, then pruned', async () => {
    await root.run(['-d', '--name', 'keeper', '--network', 'none'], ['sleep', '1000'])
    expect(await root.ok(['inspect', '-f', '{{.Name}} {{.State.Status}}', 'keeper'])).toBe('/keeper running')
    expect(await root.ok(['ps', '--format', '{{.Names}}\\t{{.Image}}'])).toBe(`keeper\t${root.image}`)
    expect(await root.ok(['images', '--format', '{{.Repository}}:{{.Tag}} {{len .Id}}']).catch(String)).toContain(
      '{{len}} is not known here   [cli.template]',
    )
    expect(await root.ok(['images', '--format', '{{.Repository}}:{{.Tag}}'])).toBe(root.image)
    const refused = await root.glasspod(['rmi', root.image])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('is used by container keeper')
    await root.ok(['rmi', '-f', root.image])
    const [dangling] = await list('--filter', 'dangling=true')
    expect(dangling?.RepoTags).toEqual([])
    expect(await root.ok(['image', 'ls'])).toMatch(/<none>\s+<none>/)
    expect(await root.ok(['image', 'prune', '-a', '-f'])).toBe('Total reclaimed space: 0B')
    expect(await root.ok(['exec', 'keeper', 'cat', '/www/index.html'])).toContain('It works')
    await root.ok(['stop', '-t', '0', 'keeper'])
    await root.ok(['image', 'prune', '-f'])
    await root.ok(['start', 'keeper'])
    expect(await root.ok(['exec', 'keeper', 'echo', 'still here'])).toBe('still here')
    await root.ok(['rm', '-f', 'keeper'])
    expect(await root.ok(['image', 'prune', '-f'])).toContain(`Deleted: ${dangling?.Id ?? ''}`)
    expect(blobs()).toEqual([])
  })

  test('what another program takes out of the layout stays where a container runs from it', async () => {
    await root.run(['-d', '--name', 'keeper', '--network', 'none'], ['sleep', '1000'])
    const index = `${root.dir}/images/index.json`
    const layers = readdirSync(`${root.dir}/layers`)
    writeFileSync(index, '{"schemaVersion":2,"manifests":[]}')
    await root.ok(['image', 'prune', '-a', '-f'])
    expect(readdirSync(`${root.dir}/layers`)).toEqual(layers)
    const { State } = await root.inspect('keeper')
    expect(readFileSync(`/proc/${State.Pid}/root/www/index.html`, 'utf8')).toContain('It works')
    await root.ok(['rm', '-f', 'keeper'])
  })

  test('a prune asks first, and where nobody can answer it does nothing', async () => {
    const { exitCode, stderr } = await root.glasspod(['image', 'prune', '-a'])
    expect(exitCode).toBe(125)
    expect(stderr).toContain('try    glasspod image prune --force')
    expect(await list()).toHaveLength(1)
    expect(await root.ok(['images', 'prune', '-f'])).toBe('Total reclaimed space: 0B')
  })

  test('system df tells what images and containers take', async () => {
    await root.ok([
      'run',
      '--name',
      'writer',
      '--network',
      'none',
      root.image,
      'dd',
      'if=/dev/zero',
      'of=/big',
      'bs=1M',
      'count=5',
    ])
    const text = await root.ok(['system', 'df'])
    expect(text).toMatch(/^Images +1 +1 /m)
    expect(text).toMatch(/^Containers +1 +0 +5\.[23]MB +5\.[23]MB \(100%\)/m)
    const details = await root.ok(['system', 'df', '-v'])
    expect(details).toContain('Images space usage:')
    expect(details).toContain(root.image)
    await root.ok(['rm', 'writer'])
  })

  test('history and image tree: the layers, who shares them, and which one owns a path', async () => {
    expect((await root.ok(['image', 'history', root.image])).split('\n')).toHaveLength(4)
    const tree = await root.ok(['image', 'tree', root.image, '/www/index.html', '/etc/nothing'])
    expect(tree.match(/[├└]──/g)).toHaveLength(3)
    expect(tree).toMatch(/\/www\/index\.html: owned by [0-9a-f]{12}\n {2}[0-9a-f]{12} {2}has a file of \d+B/)
    expect(tree).toContain('/etc/nothing: no layer has it')
    const { exitCode, stderr } = await root.glasspod(['image', 'tree', root.image, 'www'])
    expect(exitCode).toBe(125)
    expect(stderr).toContain('try    /www')
    expect(existsSync(`${root.dir}/images/index.json`)).toBe(true)
  })
})
