import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import { unpackLayer } from '../../../images/layer/unpack.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { gzip, inPieces, tarOf } from '../../fixtures/tar.ts'

const hasZstd = ['/usr/bin/zstd', '/bin/zstd'].some((path) => existsSync(path))
const zstd = (input: Uint8Array): Buffer => execFileSync('zstd', ['-q', '-c'], { input })

describe('a compressed layer', () => {
  test.runIf(hasZstd)('zstd, in several frames, one of them skippable, comes out as the tar', () =>
    inDirectory(async (layer) => {
      const tar = await tarOf([{ name: 'f', content: 'x'.repeat(300_000) }])
      const skippable = Buffer.from('502a4d180300000061626300', 'hex').subarray(0, 11)
      const frames = [tar.subarray(0, 1000), tar.subarray(1000)].map((input) => zstd(input))
      const blob = Buffer.concat([skippable, ...frames])
      const { diffId } = await unpackLayer(inPieces(blob, 100), layer, { applyMarks, idLimit: 1 })
      expect(diffId).toBe(digestOf(tar))
      expect(lstatSync(join(layer, 'f')).size).toBe(300_000)
    }),
  )

  test.runIf(hasZstd).each([
    ['cut', (blob: Buffer) => blob.subarray(0, blob.length - 9)],
    ['followed by something else', (blob: Buffer) => Buffer.concat([blob, Buffer.from('else')])],
    ['damaged in the middle', (blob: Buffer) => Buffer.concat([blob.subarray(0, 40), blob.subarray(60)])],
  ])('zstd that is %s is damaged', (_, change) =>
    inDirectory(async (layer) => {
      const blob = change(zstd(await tarOf([{ name: 'f', content: randomBytes(200_000) }])))
      await expect(unpackLayer(inPieces(blob), layer, { applyMarks, idLimit: 1 })).rejects.toMatchObject({
        facts: { id: 'image.layer' },
      })
    }),
  )

  test('without the program zstd the remedy is said', () =>
    inDirectory(async (layer) => {
      const { PATH } = process.env
      process.env['PATH'] = layer
      try {
        const blob = Buffer.from('28b52ffd2000', 'hex')
        await expect(unpackLayer(inPieces(blob), layer, { applyMarks })).rejects.toMatchObject({
          facts: { id: 'image.zstd', try: expect.stringContaining('apt-get install zstd') as unknown },
        })
      } finally {
        process.env['PATH'] = PATH
      }
    }))

  /** Of Gunzip; not in its documentation. */
  const handle = Object.getPrototypeOf((createGunzip() as unknown as { _handle: object })._handle) as object

  describe.each([
    ['by the handle of zlib', {}],
    ['by its stream, where there is no such handle', { writeSync: { value: undefined } }],
  ])('gzip %s', (_, changed) => {
    const original = Object.getOwnPropertyDescriptors(handle)
    afterEach(() => void Object.defineProperties(handle, original))
    const unpack = (blob: Buffer, layer: string): ReturnType<typeof unpackLayer> => {
      Object.defineProperties(handle, changed)
      return unpackLayer(inPieces(blob, 5000), layer, { applyMarks, idLimit: 1 })
    }

    test('of several members, longer than its memory, is one tar', () =>
      inDirectory(async (layer) => {
        const tar = await tarOf([{ name: 'f', content: randomBytes(1 << 20) }, { name: 'g' }])
        const blob = Buffer.concat([gzip(tar.subarray(0, 700)), gzip(tar.subarray(700))])
        expect((await unpack(blob, layer)).diffId).toBe(digestOf(tar))
        expect(lstatSync(join(layer, 'f')).size).toBe(1 << 20)
      }))

    test.each([
      ['cut', (blob: Buffer) => blob.subarray(0, blob.length - 9), 'unexpected end of file'],
      ['cut in its head', (blob: Buffer) => blob.subarray(0, 5), 'unexpected end of file'],
      ['followed by something else', (blob: Buffer) => Buffer.concat([blob, Buffer.from('else')]), 'incorrect header'],
      ['damaged', (blob: Buffer) => Buffer.concat([blob.subarray(0, -8), Buffer.alloc(8)]), 'incorrect data check'],
    ])('that is %s is damaged', (__, change, message) =>
      inDirectory(async (layer) => {
        const blob = change(gzip(await tarOf([{ name: 'f', content: randomBytes(200_000) }])))
        await expect(unpack(blob, layer)).rejects.toMatchObject({
          message: expect.stringContaining(message) as unknown,
          facts: { id: 'image.layer' },
        })
      }),
    )
  })
})
