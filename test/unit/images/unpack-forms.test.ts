/** Promise: sparse files of every form keep their holes and their content; the highest owner that there is is kept. */
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { unpackLayer } from '../../../images/layer/unpack.ts'
import { archive, entry, file, pax, record } from '../../fixtures/hostile/raw-tar.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { inPieces } from '../../fixtures/tar.ts'

const SIZE = 8 * 1024 * 1024
const HOLE = 4 * 1024 * 1024
const PIECE = 4096
/** st_blocks counts these, whatever the filesystem has. */
const BLOCK = 512
const HIGHEST_ID = 0xffff_fffe

const begin = Buffer.alloc(PIECE, 'b')
const middle = Buffer.alloc(PIECE, 'm')
const data = Buffer.concat([begin, middle])
/** Data at 0 and in the middle, a hole behind each; the last entry says where the file ends. */
const map = [0, PIECE, HOLE, PIECE, SIZE, 0]

const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`
const leading = Buffer.alloc(512)
leading.write([map.length / 2, ...map].map((number) => `${number}\n`).join(''))

const forms: [string, Buffer][] = [
  [
    'GNU tar’s old form',
    archive(
      entry(
        {
          name: 'sparse',
          type: 'S',
          magic: 'gnu',
          patch: [
            [386, map.map(octal).join('')],
            [483, octal(SIZE)],
          ],
        },
        data,
      ),
    ),
  ],
  [
    'PAX 0.0',
    archive(
      pax(
        [
          record('GNU.sparse.size', `${SIZE}`),
          record('GNU.sparse.numblocks', `${map.length / 2}`),
          ...map.map((number, at) => record(`GNU.sparse.${at % 2 === 0 ? 'offset' : 'numbytes'}`, `${number}`)),
        ].join(''),
      ),
      entry({ name: 'sparse' }, data),
    ),
  ],
  [
    'PAX 0.1',
    archive(
      pax({ 'GNU.sparse.name': 'sparse', 'GNU.sparse.size': `${SIZE}`, 'GNU.sparse.map': map.join(',') }),
      entry({ name: 'GNUSparseFile.0/sparse' }, data),
    ),
  ],
  [
    'PAX 1.0',
    archive(
      pax({
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'sparse',
        'GNU.sparse.realsize': `${SIZE}`,
      }),
      entry({ name: 'GNUSparseFile.0/sparse' }, Buffer.concat([leading, data])),
    ),
  ],
]

describe('a sparse file', () => {
  test.each(forms)('of %s has its content and its holes', (_, tar) =>
    inDirectory(async (layer) => {
      for (const piece of [1000, 1 << 20]) {
        await unpackLayer(inPieces(tar, piece), layer, { applyMarks, idLimit: 1, form: 'tree' })
        const { size, blocks } = lstatSync(join(layer, 'sparse'))
        expect(size).toBe(SIZE)
        // Room for the filesystem's own large blocks, far less than the holes.
        expect(blocks * BLOCK).toBeGreaterThanOrEqual(2 * PIECE)
        expect(blocks * BLOCK).toBeLessThan(SIZE / 4)
        const wanted = Buffer.alloc(SIZE)
        begin.copy(wanted, 0)
        middle.copy(wanted, HOLE)
        expect(readFileSync(join(layer, 'sparse')).equals(wanted)).toBe(true)
      }
    }),
  )
})

describe('the highest owner, 2^32 - 2', () => {
  const tar = archive(
    pax({ uid: `${HIGHEST_ID}`, gid: `${HIGHEST_ID}` }),
    file('by-pax', 'x', { mode: 0o6755 }),
    file('by-base-256', 'x', { uid: HIGHEST_ID, gid: 7 }),
  )
  const unpack = (layer: string, options: { idLimit?: number; squash?: boolean }) =>
    unpackLayer(inPieces(tar), layer, { applyMarks, ...options })

  test.runIf(process.geteuid?.() === 0)('is kept where all ids are there [needs root]', () =>
    inDirectory(async (layer) => {
      expect(await unpack(layer, {})).toMatchObject({ squashed: 0 })
      const [one, other] = ['by-pax', 'by-base-256'].map((name) => lstatSync(join(layer, name)))
      expect([one?.uid, one?.gid, (one?.mode ?? 0) & 0o7777]).toEqual([HIGHEST_ID, HIGHEST_ID, 0o6755])
      expect([other?.uid, other?.gid]).toEqual([HIGHEST_ID, 7])
    }),
  )

  test('outside the map is refused by its number, or becomes root', () =>
    inDirectory(async (layer) => {
      await expect(unpack(layer, { idLimit: 65_536 })).rejects.toMatchObject({
        message: `layer entry "by-pax" belongs to ${HIGHEST_ID}:${HIGHEST_ID}, which this user's id map does not have`,
        facts: { id: 'image.owner', found: 'the map has ids 0 to 65535' },
      })
      expect(await unpack(layer, { idLimit: 1, squash: true })).toMatchObject({ squashed: 2 })
    }))
})
