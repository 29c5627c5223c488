import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { unpackLayer } from '../../../images/layer/unpack.ts'
import type { HostileCase } from '../../fixtures/hostile/case.ts'
import { corpus } from '../../fixtures/hostile/corpus.ts'
import { inOrder, readTree } from '../../fixtures/hostile/tree.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { inPieces } from '../../fixtures/tar.ts'

/** Absolute names in the corpus lead here: it must not come to be. */
const OUTSIDE = '/glasspod-outside/canary'
const cases = corpus(OUTSIDE)

const judge = ({ tar, expect: expected, below }: HostileCase, form: 'tree' | 'overlay', piece: number): Promise<void> =>
  inDirectory(async (path) => {
    const [layer, outside] = [join(path, 'layer'), join(path, 'outside')]
    mkdirSync(layer, { mode: 0o755 })
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 })
    const before = lstatSync(outside)
    const unpack = (bytes: Uint8Array) =>
      unpackLayer(inPieces(bytes, piece), layer, { applyMarks, form, idLimit: 65_536 })
    if (below !== undefined) await unpack(below)
    if ('refused' in expected) {
      await expect(unpack(tar)).rejects.toMatchObject({
        name: 'Failure',
        message: expect.stringContaining(expected.says) as unknown,
        facts: { id: expected.refused },
      })
    } else {
      await unpack(tar)
      expect(inOrder(readTree(layer))).toEqual(inOrder(expected.tree))
    }
    expect(readdirSync(path).sort()).toEqual(['layer', 'outside'])
    expect(readdirSync(outside)).toEqual(['secret'])
    const secret = lstatSync(join(outside, 'secret'))
    expect([readFileSync(join(outside, 'secret'), 'utf8'), secret.nlink, secret.mode & 0o7777]).toEqual([
      'secret',
      1,
      0o600,
    ])
    expect([lstatSync(outside).mode, lstatSync(outside).mtimeMs]).toEqual([before.mode, before.mtimeMs])
    expect(lstatSync('/glasspod-outside', { throwIfNoEntry: false })).toBeUndefined()
  })

describe('hostile layers', () => {
  test('are more than a hundred, each of another name', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    expect(cases.length).toBeGreaterThan(100)
  })

  for (const form of ['tree', 'overlay'] as const) {
    const meant = cases.filter((hostile) => (hostile.form ?? form) === form)
    test.each(meant.map((hostile) => [hostile.name, hostile] as const))(`${form}: %s`, (_, hostile) =>
      judge(hostile, form, 1 << 20),
    )
  }

  test('end the same whatever the pieces that they come in', async () => {
    for (const hostile of cases)
      for (const piece of [1, 513]) if (hostile.tar.length < 20_000) await judge(hostile, hostile.form ?? 'tree', piece)
  })
})
