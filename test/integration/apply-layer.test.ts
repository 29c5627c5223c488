/** Promise: scripts/apply-layer takes a layer or refuses it, and writes nowhere else, whoever starts it. */
import { execa } from 'execa'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HostileCase } from '../fixtures/hostile/case.ts'
import { escapes } from '../fixtures/hostile/escapes.ts'
import { archive, directory, entry, file, link, pax } from '../fixtures/hostile/raw-tar.ts'
import { inOrder, readTree } from '../fixtures/hostile/tree.ts'

const PROGRAM = new URL('../../scripts/apply-layer', import.meta.url).pathname
const NOWHERE = '/glasspod-outside/canary'
const AT_ONCE = 4

let work: string
let count = 0
beforeAll(() => {
  work = mkdtempSync('/tmp/gp-apply-')
})
// Ids of the user namespace: what another of them owns lies in directories of ours, and has no mode that hinders.
afterAll(() => rmSync(work, { recursive: true, force: true }))

const apply = (root: string, tar: Uint8Array) => execa(PROGRAM, [root], { input: tar, reject: false })

const judge = async ({ name, tar, expect: expected, below }: HostileCase): Promise<void> => {
  const path = join(work, `${count++}`)
  const [root, outside] = [join(path, 'root'), join(path, 'outside')]
  mkdirSync(root, { recursive: true })
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
  if (below !== undefined) expect((await apply(root, below)).exitCode).toBe(0)
  const { exitCode, stderr, stdout } = await apply(root, tar)
  expect(stdout).toBe('')
  expect(stderr, name).not.toContain('    at ')
  if ('refused' in expected) {
    expect([name, exitCode]).toEqual([name, 125])
    expect(stderr).toContain(expected.says)
    expect(stderr).toMatch(new RegExp(`^error: .*\\[${expected.refused}\\]$`, 'm'))
  } else {
    expect([name, stderr.replace(/^(note|warning): .*\n?/gm, ''), exitCode]).toEqual([name, '', 0])
    expect(inOrder(readTree(root)), name).toEqual(inOrder(expected.tree))
  }
  expect(readdirSync(path).sort()).toEqual(['outside', 'root'])
  expect(readdirSync(outside)).toEqual(['secret'])
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
  expect(lstatSync('/glasspod-outside', { throwIfNoEntry: false })).toBeUndefined()
}

describe('scripts/apply-layer', () => {
  // The whole corpus is a unit test; a process of its own for each takes long.
  test('every archive that would escape stays inside or is refused', { timeout: 240_000 }, async () => {
    const queue = [...escapes(NOWHERE)]
    const next = async (): Promise<void> => {
      for (let hostile = queue.shift(); hostile !== undefined; hostile = queue.shift()) await judge(hostile)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, next))
  })

  test('layers in order are one tree, with what Node cannot make', async () => {
    const root = join(work, 'layers')
    mkdirSync(root)
    const first = archive(
      directory('./', { mode: 0o751, mtime: 7 }),
      directory('bin', { mtime: 9 }),
      file('bin/su', 'su', { mode: 0o4755, mtime: 11 }),
      link('bin/sudo', 'bin/su'),
      entry({ name: 'pipe', type: '6', mode: 0o620, mtime: 13 }),
      link('pipe2', 'pipe'),
      pax({ mtime: '1700000000.123456789' }),
      file('exact'),
      pax({ mtime: '-1.5' }),
      directory('old'),
    )
    expect(await apply(root, first)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await apply(root, archive(file('bin/.wh.su', ''), file('bin/new', 'new')))).toMatchObject({ exitCode: 0 })
    expect(inOrder(readTree(root))).toEqual(
      inOrder([
        'd 755 bin',
        'f 644 bin/new new',
        'f 4755 bin/sudo su',
        'f 644 exact x',
        'd 755 old',
        'p 620 pipe',
        'p 620 pipe2',
      ]),
    )
    const stat = (path: string) => lstatSync(join(root, path), { bigint: true })
    expect([stat('.').mode & 0o7777n, stat('.').mtimeMs, stat('bin').mtimeMs]).toEqual([0o751n, 7000n, 9000n])
    expect([stat('pipe').ino, stat('pipe').nlink, stat('pipe').mtimeMs]).toEqual([stat('pipe2').ino, 2n, 13_000n])
    expect([stat('exact').mtimeNs, stat('old').mtimeNs]).toEqual([1_700_000_000_123_456_789n, -1_500_000_000n])
  })

  test('devices are said once, and a directory that is none is refused', async () => {
    const root = join(work, 'devices')
    mkdirSync(root)
    const tar = archive(entry({ name: 'null', type: '3' }), entry({ name: 'sda', type: '4' }))
    expect(await apply(root, tar)).toMatchObject({
      exitCode: 0,
      stderr: 'note: 2 devices are empty files: a container has its own /dev',
    })
    expect(await apply(join(root, 'null'), tar)).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('is not a directory') as unknown,
    })
    expect(await apply(join(root, 'none'), tar)).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('ENOENT') as unknown,
    })
  })
})
