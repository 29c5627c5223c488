/** Promise: a thread unpacks a blob that is still being saved, fails as the agent itself would, and serves the next one. */
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import { Growth } from '../../../images/layer/growth.ts'
import { UnpackThreads } from '../../../images/layer/threads.ts'
import type { UnpackedLayer, UnpackOptions } from '../../../images/layer/unpack.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { gzip, tarOf } from '../../fixtures/tar.ts'

const BUNDLE = new URL('../../../dist/unpack.cjs', import.meta.url).pathname
/** More than a reader takes at once, and of one letter each: what comes from memory that was used again is seen. */
const LARGE = Buffer.concat(['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(300_000, letter)))
const SMALL: UnpackOptions = { applyMarks, idLimit: 1 }

/** A blob that comes when it is told to. */
const openBlob = (path: string, threads: UnpackThreads, options: UnpackOptions = SMALL) => {
  const [writer, descriptor] = [openSync(`${path}.blob`, 'w'), openSync(`${path}.blob`, 'r')]
  const growth = new Growth()
  mkdirSync(path)
  let bytes = 0
  const unpacked = threads.unpack({ descriptor, growth, directory: path, options })
  const closed: Promise<UnpackedLayer> = unpacked.finally(() => [writer, descriptor].forEach(closeSync))
  closed.catch(() => undefined)
  return {
    unpacked: closed,
    growth,
    grow: (chunk: Uint8Array, isWhole: boolean) => {
      bytes += writeSync(writer, chunk)
      growth.reach({ bytes, isWhole })
    },
  }
}

test('a blob is unpacked as it comes, and the agent makes the marks', () =>
  inDirectory(async (work) => {
    const threads = new UnpackThreads(BUNDLE)
    const tar = await tarOf([
      { name: 'large', content: LARGE },
      { name: 'early', pax: { mtime: '-5' } },
      { name: '.wh.gone' },
    ])
    const blob = Buffer.concat([gzip(tar.subarray(0, 400_000)), gzip(tar.subarray(400_000))])
    const layer = join(work, 'layer')
    const { grow, unpacked } = openBlob(layer, threads)
    for (let at = 0; at < blob.length; at += 100) grow(blob.subarray(at, at + 100), at + 100 >= blob.length)
    expect(await unpacked).toMatchObject({ diffId: digestOf(tar), size: tar.length, entries: 3 })
    expect(readFileSync(join(layer, 'large')).equals(LARGE)).toBe(true)
    expect(lstatSync(join(layer, 'early')).mtimeMs).toBe(-5000)
    expect(lstatSync(join(layer, 'gone')).isCharacterDevice()).toBe(true)
  }))

test('failures keep their facts, those of the marks too, and a thread goes on after them', () =>
  inDirectory(async (work) => {
    const threads = new UnpackThreads(BUNDLE)
    const fail = async (name: string, tar: Buffer, options?: UnpackOptions): Promise<void> => {
      const { grow, unpacked } = openBlob(join(work, name), threads, options)
      grow(tar, true)
      await unpacked
    }
    await expect(fail('hostile', await tarOf([{ name: '../out' }]))).rejects.toMatchObject({
      name: 'Failure',
      message: 'layer entry "../out" climbs with ..',
      facts: { id: 'image.entry' },
    })
    await expect(fail('damaged', gzip(LARGE).subarray(0, 500))).rejects.toMatchObject({ facts: { id: 'image.layer' } })
    const refusing = { ...SMALL, applyMarks: () => Promise.reject(new Error('no marks today')) }
    await expect(fail('marks', await tarOf([{ name: '.wh.x' }]), refusing)).rejects.toThrow('no marks today')
    await fail('good', await tarOf([{ name: 'f' }]))
    expect(lstatSync(join(work, 'good/f')).isFile()).toBe(true)
  }))

test('what fails on its way ends with that error, also in the queue for a thread', () =>
  inDirectory(async (work) => {
    const threads = new UnpackThreads(BUNDLE)
    const blobs = ['one', 'two', 'three', 'four'].map((name) => openBlob(join(work, name), threads))
    const [first, second, waiting, last] = blobs
    const cut = new Error('the network is gone')
    waiting?.growth.fail(cut)
    await expect(waiting?.unpacked).rejects.toBe(cut)
    first?.growth.fail(cut)
    await expect(first?.unpacked).rejects.toBe(cut)
    const tar = await tarOf([{ name: 'f' }])
    for (const blob of [second, last]) blob?.grow(tar, true)
    expect(await Promise.all([second?.unpacked, last?.unpacked])).toMatchObject([{ entries: 1 }, { entries: 1 }])
  }))
