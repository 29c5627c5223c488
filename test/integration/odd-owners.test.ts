/** Promise: owners that the id map lacks are refused or, with --squash, become root's; file capabilities count here. */
import { execa } from 'execa'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFaultyRegistry, toSmallImage, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { archive, file, pax } from '../fixtures/hostile/raw-tar.ts'

const HIGHEST_ID = 0xffff_fffe
/** vfs_ns_cap_data of linux/capability.h: version 3, effective; CAP_NET_RAW; of a user namespace whose root is 12345. */
const CAPABILITY_V3 = Buffer.from('010000030020000000000000000000000000000039300000', 'hex')
const hasGetfattr = ['/usr/bin', '/bin'].some((path) => existsSync(join(path, 'getfattr')))

const owned = archive(pax({ uid: `${HIGHEST_ID}`, gid: '7' }), file('owned'))
const capable = archive(pax({ 'SCHILY.xattr.security.capability': CAPABILITY_V3.toString('latin1') }), file('ping'))

describe('layers of other user namespaces', () => {
  let root: TestRoot
  let strange: FaultyRegistry
  let able: FaultyRegistry
  let directory: string
  beforeAll(async () => {
    root = makeRoot()
    strange = await startFaultyRegistry(toSmallImage([owned]))
    able = await startFaultyRegistry(toSmallImage([capable]))
    directory = mkdtempSync('/tmp/gp-owners-')
  })
  afterAll(async () => {
    await root.teardown()
    await strange.stop()
    await able.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const refusal = `error: layer entry "owned" belongs to ${HIGHEST_ID}:7, which this user's id map does not have   [image.owner]`
  const note = '1 entries belong to root here: the id map does not have their owners'

  test('pull and load refuse an owner outside the map, and take it with --squash', async () => {
    const image = `${strange.host}/x`
    const tar = join(directory, 'image.tar')
    const refused = await root.glasspod(['pull', image])
    expect([refused.exitCode, refused.stderr]).toEqual([125, expect.stringContaining(refusal)])
    expect(refused.stderr).toContain('try    pull with --squash')
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

  test.runIf(hasGetfattr)('a capability of another user namespace becomes one of ours [needs getfattr]', async () => {
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
  })
})
