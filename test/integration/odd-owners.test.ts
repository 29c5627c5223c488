/** Promise: owners that the id map lacks are refused or, with --squash, become root's; file capabilities count here. */
import { execa } from 'execa'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toSmallImage, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import type { TestRoot } from '../fixtures/glasspod.ts'
import { archive, file, pax } from '../fixtures/hostile/raw-tar.ts'
import { readImageStore, rootWith } from '../fixtures/root-with.ts'

const HIGHEST_ID = 0xffff_fffe
/** vfs_ns_cap_data of linux/capability.h: version 3, effective; CAP_NET_RAW; of a user namespace whose root is 12345. */
const CAPABILITY_V3 = Buffer.from('010000030020000000000000000000000000000039300000', 'hex')
const has = (program: string): boolean => ['/usr/bin', '/bin'].some((path) => existsSync(join(path, program)))

const BUSYBOX = readFileSync('/bin/busybox').toString('latin1')

const owned = archive(pax({ uid: `${HIGHEST_ID}`, gid: '7' }), file('owned'))
const capable = archive(pax({ 'SCHILY.xattr.security.capability': CAPABILITY_V3.toString('latin1') }), file('ping'))

describe('layers of other user namespaces', () => {
  let root: TestRoot
  let strange: FaultyRegistry
  let able: FaultyRegistry
  let directory: string
  let teardown: () => Promise<void>
  beforeAll(async () => {
    const equipped = await rootWith(toSmallImage([owned]), toSmallImage([capable]))
    ;({ root, directory, teardown } = equipped)
    ;[strange, able] = equipped.registries as [FaultyRegistry, FaultyRegistry]
  })
  afterAll(() => teardown())

  const refusal = `error: layer entry "owned" belongs to ${HIGHEST_ID}:7, which this user's id map does not have   [image.owner]`
  const note = '1 entries belong to root here: the id map does not have their owners'

  test('pull and load refuse an owner outside the map, and take it with --squash', async () => {
    const image = `${strange.host}/x`
    const tar = join(directory, 'image.tar')
    const refused = await root.glasspod(['pull', image])
    expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining(refusal)])
    expect(refused.stderr).toContain('try    with --squash such files become root')
    expect(await root.ok(['images', '-q'])).toBe('')
    expect(await root.glasspod(['pull', '--squash', image])).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(note) as unknown,
    })
    await root.ok(['save', '-o', tar, image])
    await root.ok(['rmi', image])
    const again = await root.glasspod(['load', '-i', tar])
    expect([again.exitCode, again.stderr]).toEqual([125, expect.stringContaining(refusal)])
    expect(await root.ok(['images', '-q'])).toBe('')
    expect(await root.glasspod(['load', '--squash', '-i', tar])).toMatchObject({ exitCode: 0 })
    const [loaded] = JSON.parse(await root.ok(['image', 'inspect', image])) as { RepoDigests: string[] }[]
    expect(loaded?.RepoDigests).toEqual([])
  })

  test.runIf(has('skopeo'))(
    'what skopeo has put into the store is squashed when it is first used [needs skopeo]',
    async () => {
      const image = `${strange.host}/x`
      const layout = `oci:${join(directory, 'layout')}:1`
      await root.ok(['image', 'prune', '-a', '-f'])
      await root.ok(['pull', '-q', '--squash', image])
      await root.ok(['push', '-q', image, layout])
      await root.ok(['rmi', image])
      await execa('skopeo', ['copy', '-q', '--insecure-policy', layout, `oci:${await readImageStore(root)}:strange`])
      const run = () => root.glasspod(['run', '--rm', '--network', 'none', '--pull', 'never', 'strange', '/owned'])
      const refused = await run()
      expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining(refusal)])
      expect(refused.stderr).toContain('try    with --squash such files become root')
      expect((await root.glasspod(['create', '--squash', '--pull', 'never', 'strange', '/owned'])).stderr).toContain(
        note,
      )
      // unpacked it is now, and nothing to execute
      const { exitCode, stderr } = await run()
      expect([exitCode, stderr]).toEqual([126, expect.stringContaining('owned')])
      await root.ok(['rm', await root.ok(['ps', '-aq'])])
      await root.ok(['rmi', 'strange'])
    },
  )

  test.runIf(has('skopeo'))('play unpacks it too, and says for which image [needs skopeo]', async () => {
    const tar = join(directory, 'busybox.tar')
    const layout = `oci:${join(directory, 'busybox')}:1`
    writeFileSync(tar, archive(pax({ uid: `${HIGHEST_ID}` }), file('busybox', BUSYBOX, { mode: 0o755 })))
    await root.ok(['import', '-q', '--squash', tar, 'odd:1'])
    await root.ok(['push', '-q', 'odd:1', layout])
    await root.ok(['rmi', 'odd:1'])
    await execa('skopeo', ['copy', '-q', '--insecure-policy', layout, `oci:${await readImageStore(root)}:odd`])
    const containers = [{ name: 'a', image: 'odd', imagePullPolicy: 'Never', command: ['/busybox', 'sleep', '1000'] }]
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'odd' },
      spec: { hostNetwork: true, containers },
    }
    const input = JSON.stringify(manifest)
    const refused = await root.glasspod(['play', '-'], { input })
    expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining('[image.owner]')])
    const played = await root.glasspod(['play', '--squash', '-'], { input })
    expect(played).toMatchObject({ exitCode: 0, stderr: `warning: image odd: ${note}` })
    await root.ok(['down', '-t', '0', '-'], { input })
    await root.ok(['rmi', 'odd'])
  })

  test.runIf(has('getfattr'))(
    'a capability of another user namespace becomes one of ours [needs getfattr]',
    async () => {
      const image = `${able.host}/x`
      await root.ok(['pull', '-q', image])
      const [{ RootFS } = { RootFS: { Layers: [''] } }] = JSON.parse(await root.ok(['image', 'inspect', image])) as {
        RootFS: { Layers: string[] }
      }[]
      const path = join(root.dir, 'layers', RootFS.Layers[0]?.replace('sha256:', '') ?? '', 'ping')
      const argv = ['-n', 'security.capability', '--only-values', '--absolute-names', path]
      const { stdout } = await execa('getfattr', argv, { encoding: 'buffer' })
      // Seen from the host: version 3, and the namespace's root is whom the map gives 0 to.
      const holder = (JSON.parse(readFileSync(`${root.dir}/run/holder.json`, 'utf8')) as { pid: number }).pid
      const owner = Number(/^\s*0\s+(\d+)/m.exec(readFileSync(`/proc/${holder}/uid_map`, 'utf8'))?.[1])
      const wanted = Buffer.from(CAPABILITY_V3)
      wanted.writeUInt32LE(owner, 20)
      expect(Buffer.from(stdout).toString('hex')).toBe(wanted.toString('hex'))
    },
  )
})
