/** Promise: docker-daemon: is a Docker daemon, to pull from and to push to; a real one, and whatever speaks its API. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDockerd, unpackDockerd, type RunningDockerd } from '../fixtures/dockerd.ts'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { listenOnLoopback } from '../fixtures/loopback-server.ts'
import { patiently } from '../fixtures/patience.ts'

interface Inspected {
  Id: string
  RootFS: { Layers: string[] }
}

const unpacked = await unpackDockerd()

describe('docker-daemon', () => {
  let root: TestRoot
  let image: Inspected
  const look = async (from: TestRoot, name: string) =>
    (JSON.parse(await from.ok(['image', 'inspect', name])) as [Inspected])[0]
  beforeAll(() => {
    root = makeRoot()
  })
  beforeEach(async () => {
    await root.seedImage()
    image = await look(root, root.image)
  })
  afterAll(() => root.teardown())

  describe.skipIf(unpacked === undefined)('dockerd of Debian [needs root]', () => {
    let dockerd: RunningDockerd
    beforeAll(async () => {
      dockerd = await startDockerd(unpacked ?? '')
    }, patiently(60_000))
    afterAll(() => dockerd.stop())

    test('takes an image and gives it back, the same', async () => {
      const env = { DOCKER_HOST: dockerd.host }
      await root.ok(['push', root.image, 'docker-daemon:team/app:1'], { env })
      const there = (await dockerd.docker.getImage('team/app:1').inspect()) as unknown as Inspected
      expect(there).toMatchObject({ Id: image.Id, RootFS: { Layers: image.RootFS.Layers } })
      await root.ok(['image', 'prune', '-a', '-f'])
      expect(await root.ok(['pull', '-q', 'docker-daemon:team/app:1'], { env })).toBe(image.Id)
      expect((await look(root, 'docker.io/team/app:1')).Id).toBe(image.Id)
      const ran = await root.ok(['run', '--rm', '--network', 'none', 'team/app:1', 'cat', '/www/index.html'])
      expect(ran).toContain('It works')
    })

    test('has no such image, and says so', async () => {
      const { exitCode, stderr } = await root.glasspod(['pull', 'docker-daemon:nothing:here'], {
        env: { DOCKER_HOST: dockerd.host },
      })
      expect([exitCode, stderr]).toEqual([
        125,
        expect.stringMatching(/refuses nothing:here[^]*404: .*[Nn]o such image/),
      ])
    })
  })

  test('another glasspod is one as well', async () => {
    const other = makeRoot()
    try {
      await other.ok(['agent', 'start'])
      const env = { DOCKER_HOST: `unix://${other.dir}/run/agent.sock` }
      await root.ok(['push', root.image, 'docker-daemon:team/app:1'], { env })
      expect((await look(other, 'team/app:1')).Id).toBe(image.Id)
      await root.ok(['image', 'prune', '-a', '-f'])
      const will = JSON.parse(await root.ok(['explain', '--format', 'json', 'pull', 'docker-daemon:team/app:1'])) as {
        id: string
        text: string
      }[]
      expect(will[0]?.text).toContain('docker save team/app:1 | tar -x -C $ARCHIVE')
      const pull = await root.glasspod(['pull', '-q', '--explain', 'docker-daemon:team/app:1'], { env })
      expect(pull).toMatchObject({ exitCode: 0, stdout: image.Id })
      const made = [...pull.stderr.matchAll(/^✔ \d+ (\S+) /gm)].map(([, id]) => id)
      expect(made).toEqual(will.map(({ id }) => id))
      const { stderr } = await root.glasspod(['push', 'nothing:here', 'docker-daemon:team/app:2'], { env })
      expect(stderr).toContain('no such image: nothing:here')
      expect(await other.ok(['images', '-q'])).toBe(image.Id.replace('sha256:', '').slice(0, 12))
      expect(readdirSync(`${other.dir}/images`).filter((name) => name.includes('.tmp'))).toEqual([])
    } finally {
      await other.teardown()
    }
  })

  test('one that refuses at the end, or breaks off: its words', async () => {
    const server = createServer((request, response) => {
      request.resume().once('end', () => response.end('{"stream":"x"}\n{"errorDetail":{},"error":"no room there"}\n'))
    })
    const { host, stop } = await listenOnLoopback(server)
    const env = { DOCKER_HOST: `tcp://${host}` }
    const refused = await root.glasspod(['push', root.image, 'docker-daemon:x:1'], { env })
    expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringMatching(/refuses x:1[^]*no room there/)])
    const broken = await root.glasspod(['pull', 'docker-daemon:x:1'], { env })
    expect([broken.exitCode, broken.stderr]).toEqual([125, expect.stringMatching(/layer is damaged|archive/)])
    await stop()
  })

  test.each([
    ['unix:///nowhere/docker.sock', 'cannot be reached: ENOENT'],
    ['tcp://127.0.0.1:1', 'cannot be reached: ECONNREFUSED'],
    ['ssh://me@there', 'no address of a docker daemon'],
    ['what', 'no address of a docker daemon'],
  ])('no daemon at %s: %s', async (DOCKER_HOST, words) => {
    for (const args of [
      ['pull', 'docker-daemon:x:1'],
      ['push', root.image, 'docker-daemon:x:1'],
    ]) {
      const { exitCode, stderr } = await root.glasspod(args, { env: { DOCKER_HOST } })
      expect([exitCode, stderr]).toEqual([125, expect.stringContaining(words)])
      expect(stderr).not.toContain('internal:')
    }
  })

  test('TLS is asked for with certificates that are not there', async () => {
    const directory = mkdtempSync('/tmp/gp-certs-')
    const env = { DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory }
    const { exitCode, stderr } = await root.glasspod(['pull', 'docker-daemon:x:1'], { env })
    expect([exitCode, stderr]).toEqual([125, expect.stringContaining('ca.pem: ENOENT')])
    rmSync(directory, { recursive: true })
  })
})
