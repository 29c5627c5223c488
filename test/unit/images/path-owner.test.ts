import { describe, expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import { planHistory } from '../../../images/history.ts'
import { findOwner, readTraces } from '../../../images/path-owner.ts'
import { gzip, inPieces, tarOf, type TarItem } from '../../fixtures/tar.ts'

const own = async (layers: readonly (readonly TarItem[])[], path: string) => {
  const tars = await Promise.all(layers.map(tarOf))
  const image = { layers: tars.map((tar) => ({ digest: digestOf(tar), diffId: digestOf(tar), size: tar.length })) }
  const found = await findOwner(image, path, (paths) =>
    Promise.all(tars.map((tar) => readTraces(inPieces(gzip(tar)), paths))),
  )
  const at = (digest: string) => image.layers.findIndex((layer) => layer.digest === digest)
  return {
    path: found.path,
    owner: found.owner === undefined ? undefined : at(found.owner),
    layers: found.layers.map(({ digest, does, size }) => `${at(digest)} ${does} ${size}`),
  }
}

const dir = (name: string): TarItem => ({ name, type: 'directory' })
const link = (name: string, linkname: string): TarItem => ({ name, type: 'symlink', linkname })

describe('the layer that owns a path', () => {
  test('is the highest that has it', async () => {
    const layers = [[{ name: 'etc/motd', content: 'old' }], [{ name: './etc/motd', content: 'newer' }], [{ name: 'x' }]]
    expect(await own(layers, '/etc/motd')).toEqual({ path: '/etc/motd', owner: 1, layers: ['0 file 3', '1 file 5'] })
    expect(await own(layers, '/etc/nothing')).toEqual({ path: '/etc/nothing', owner: undefined, layers: [] })
  })

  test('is none where a higher one deletes it, whichever comes first in that archive', async () => {
    const low = [{ name: 'a', content: '1' }]
    expect(await own([low, [{ name: '.wh.a' }]], '/a')).toMatchObject({
      owner: undefined,
      layers: ['0 file 1', '1 deleted 0'],
    })
    expect(await own([low, [{ name: '.wh.a' }, { name: 'a', content: '22' }]], '/a')).toMatchObject({ owner: 1 })
    expect(await own([low, [{ name: 'a', content: '22' }, { name: '.wh.a' }]], '/a')).toMatchObject({ owner: 1 })
  })

  test('is none where a directory above it was deleted, made opaque, or replaced', async () => {
    const low = [dir('d'), { name: 'd/f', content: '1' }]
    for (const high of [[{ name: '.wh.d' }], [dir('d'), { name: 'd/.wh..wh..opq' }], [{ name: 'd', content: 'file' }]])
      expect(await own([low, high], '/d/f'), JSON.stringify(high)).toMatchObject({ owner: undefined })
    const opaque = [dir('d'), { name: 'd/.wh..wh..opq' }, { name: 'd/f', content: '22' }]
    expect(await own([low, opaque], '/d/f')).toMatchObject({ owner: 1 })
    expect(await own([low, [{ name: 'd', content: 'file' }], [dir('d')]], '/d/f')).toMatchObject({ owner: undefined })
    expect(await own([low, [dir('d')]], '/d')).toMatchObject({ owner: 1 })
  })

  test('is found behind the links on the way, not behind its own', async () => {
    const layers = [
      [dir('usr'), dir('usr/bin'), { name: 'usr/bin/sh', content: 'sh' }],
      [link('bin', 'usr/bin'), link('abs', '/usr/../usr/./bin'), link('own', 'usr/bin/sh')],
    ]
    expect(await own(layers, '/bin/sh')).toMatchObject({ path: '/usr/bin/sh', owner: 0 })
    expect(await own(layers, '/abs/sh')).toMatchObject({ path: '/usr/bin/sh', owner: 0 })
    expect(await own(layers, '/own')).toMatchObject({ path: '/own', owner: 1 })
  })

  test('is refused for links in a circle and for what is no path', async () => {
    const layers = [[link('a', 'b'), link('b', 'a')]]
    await expect(own(layers, '/a/x')).rejects.toMatchObject({ facts: { id: 'image.path', status: 400 } })
    await expect(own(layers, 'a')).rejects.toMatchObject({ facts: { id: 'image.path', try: '/a' } })
    await expect(own(layers, '/../a')).rejects.toMatchObject({ facts: { id: 'image.entry' } })
  })
})

describe('history', () => {
  const layers = ['1', '2'].map((text, at) => ({
    digest: digestOf(Buffer.from(text)),
    diffId: digestOf(Buffer.from(text)),
    size: at + 10,
  }))
  const config = (history: unknown) => Buffer.from(JSON.stringify({ history }))

  test('gives each layer to the step that made it, the last step first', () => {
    const steps = [
      { created: '2024-01-01T00:00:00Z', created_by: 'ADD x', comment: 'c' },
      { created_by: 'CMD sh', empty_layer: true },
      { created_by: 'RUN y' },
    ]
    expect(planHistory(config(steps), layers)).toEqual([
      { createdBy: 'RUN y', comment: '', size: 11, layer: layers[1]?.digest },
      { createdBy: 'CMD sh', comment: '', size: 0 },
      { created: '2024-01-01T00:00:00Z', createdBy: 'ADD x', comment: 'c', size: 10, layer: layers[0]?.digest },
    ])
  })

  test('that tells of too few layers leaves the others without words', () => {
    for (const history of [undefined, null, []])
      expect(planHistory(config(history), layers).map(({ size }) => size)).toEqual([11, 10])
  })

  test('of another form is refused', () => {
    for (const history of [{}, ['x'], [{ created_by: 1 }]])
      expect(() => planHistory(config(history), layers)).toThrow(/image config/)
  })
})
