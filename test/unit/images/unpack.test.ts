import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import { unpackLayer, type UnpackedLayer, type UnpackOptions } from '../../../images/layer/unpack.ts'
import type { Mark } from '../../../runtime/kernel/layer-marks.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { gzip, inPieces, tarOf, type TarItem } from '../../fixtures/tar.ts'

interface Sandbox {
  /** The layer; `outside` beside it holds `secret`, which no archive may reach. */
  layer: string
  outside: string
  unpack: (items: readonly TarItem[], options?: Partial<UnpackOptions>) => Promise<UnpackedLayer>
}

const inSandbox = (work: (sandbox: Sandbox) => Promise<void>): Promise<void> =>
  inDirectory(async (path) => {
    const [layer, outside] = [join(path, 'layer'), join(path, 'outside')]
    mkdirSync(layer)
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 })
    const unpack: Sandbox['unpack'] = async (items, options) =>
      unpackLayer(inPieces(await tarOf(items)), layer, { applyMarks, idLimit: 1, ...options })
    await work({ layer, outside, unpack })
    expect(readdirSync(outside)).toEqual(['secret'])
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
    expect(lstatSync(join(outside, 'secret')).nlink).toBe(1)
    expect(readdirSync(path).sort()).toEqual(['layer', 'outside'])
  })

const isRoot = process.geteuid?.() === 0

describe('a layer becomes files', () => {
  test('with content, modes, times, links and a DiffID, gzip or plain, in pieces of any size', async () => {
    const tar = await tarOf([
      { name: './', type: 'directory', mode: 0o711, mtime: 7 },
      { name: 'bin/', type: 'directory', mode: 0o1777, mtime: 1000 },
      { name: 'bin/su', content: 'x'.repeat(3000), mode: 0o4755, mtime: 1.5, pax: { mtime: '1.5' } },
      { name: 'bin/sh', type: 'link', linkname: 'bin/su' },
      { name: 'bin/lost', type: 'symlink', linkname: '/no/where', mtime: 5 },
      { name: 'empty', mode: 0 },
      { name: `long/${'d'.repeat(120)}/${'f'.repeat(120)}`, content: 'far' },
    ])
    for (const [bytes, size] of [
      [tar, 1],
      [tar, 700],
      [gzip(tar), 3],
      [gzip(tar), 1 << 20],
    ] as const) {
      await inDirectory(async (layer) => {
        const { diffId, entries, squashed } = await unpackLayer(inPieces(bytes, size), layer, {
          applyMarks,
          idLimit: 1,
        })
        expect({ diffId, entries, squashed }).toEqual({ diffId: digestOf(tar), entries: 7, squashed: 0 })
        const su = lstatSync(join(layer, 'bin/su'))
        expect([su.mode & 0o7777, su.mtimeMs, su.nlink, su.size]).toEqual([0o4755, 1500, 2, 3000])
        expect(lstatSync(join(layer, 'bin/sh')).ino).toBe(su.ino)
        expect(readlinkSync(join(layer, 'bin/lost'))).toBe('/no/where')
        expect(lstatSync(join(layer, 'bin/lost')).mtimeMs).toBe(5000)
        expect([lstatSync(join(layer, 'bin')).mode & 0o7777, lstatSync(join(layer, 'bin')).mtimeMs]).toEqual([
          0o1777, 1e6,
        ])
        expect([lstatSync(layer).mode & 0o7777, lstatSync(layer).mtimeMs]).toEqual([0o711, 7000])
        expect(lstatSync(join(layer, 'long')).mode & 0o7777).toBe(0o755)
        expect(readFileSync(join(layer, 'long', 'd'.repeat(120), 'f'.repeat(120)), 'utf8')).toBe('far')
      })
    }
  })

  test('later entries replace earlier ones, a directory keeps its content', () =>
    inSandbox(async ({ layer, unpack }) => {
      await unpack([
        { name: 'd/kept', content: 'kept' },
        { name: 'd', type: 'directory', mode: 0o750 },
        { name: 'twice', content: 'first' },
        { name: 'twice', content: 'second', mode: 0o600 },
        { name: 'tree/deep/leaf', content: 'gone' },
        { name: 'tree', content: 'now a file' },
      ])
      expect(readFileSync(join(layer, 'd/kept'), 'utf8')).toBe('kept')
      expect(lstatSync(join(layer, 'd')).mode & 0o777).toBe(0o750)
      expect(readFileSync(join(layer, 'twice'), 'utf8')).toBe('second')
      expect(readFileSync(join(layer, 'tree'), 'utf8')).toBe('now a file')
    }))

  test('names that are not UTF-8 keep their bytes', () =>
    inDirectory(async (layer) => {
      const tar = await tarOf([
        { name: 'caf_', content: 'x' },
        { name: 'über', content: 'y' },
      ])
      // 0xe9 for the underscore, and the header's checksum with it (0xe9 - 0x5f).
      tar[3] = 0xe9
      const sum = parseInt(tar.subarray(148, 154).toString(), 8) + 0xe9 - 0x5f
      tar.write(sum.toString(8).padStart(6, '0'), 148)
      await unpackLayer(inPieces(tar), layer, { applyMarks, idLimit: 1 })
      const names = readdirSync(Buffer.from(layer), { encoding: 'buffer' }).map((name) => name.toString('hex'))
      expect(names.sort()).toEqual(
        [Buffer.from('caf\xe9', 'latin1').toString('hex'), Buffer.from('über').toString('hex')].sort(),
      )
    }))

  test('a directory entry that claims a size does not hang', () =>
    inDirectory(async (layer) => {
      const tar = await tarOf([
        { name: 'd/', type: 'directory' },
        { name: 'f', content: 'x' },
      ])
      const before = parseInt(tar.subarray(148, 154).toString(), 8)
      tar.write('00000000001', 124)
      tar.write((before + 1).toString(8).padStart(6, '0'), 148)
      await unpackLayer(inPieces(tar), layer, { applyMarks, idLimit: 1 })
      expect(readdirSync(layer).sort()).toEqual(['d', 'f'])
    }))

  test('twenty thousand empty entries in one chunk do not overflow the stack', () =>
    inDirectory(async (layer) => {
      const one = (await tarOf([{ name: 'same' }])).subarray(0, 512)
      const tar = Buffer.concat(Array.from({ length: 20_000 }, () => one))
      const { entries } = await unpackLayer(inPieces(tar, tar.length), layer, { applyMarks, idLimit: 1 })
      expect(entries).toBe(20_000)
    }))
})

describe('hostile archives stay inside', () => {
  const refused: [string, TarItem[], string][] = [
    ['..', [{ name: '../outside/new', content: 'x' }], 'climbs with ..'],
    ['.. in the middle', [{ name: 'a/../../outside/secret', content: 'x' }], 'climbs with ..'],
    ['hard link outside', [{ name: 'l', type: 'link', linkname: '../outside/secret' }], 'climbs with ..'],
    ['absolute hard link', [{ name: 'l', type: 'link', linkname: '/etc/passwd' }], 'not in the layer'],
    [
      'hard link through a symbolic link',
      [
        { name: 's', type: 'symlink', linkname: '../outside' },
        { name: 'l', type: 'link', linkname: 's/secret' },
      ],
      'not in the layer',
    ],
    [
      'hard link to a directory',
      [
        { name: 'd/', type: 'directory' },
        { name: 'l', type: 'link', linkname: 'd' },
      ],
      'directory',
    ],
    ['whiteout of the parent', [{ name: 'a/.wh...' }], 'is a whiteout of nothing'],
    ['whiteout of itself', [{ name: 'a/.wh..' }], 'is a whiteout of nothing'],
    ['whiteout of nothing', [{ name: 'a/.wh.' }], 'is a whiteout of nothing'],
    ['opaque root', [{ name: '.wh..wh..opq' }], 'hides all layers below'],
    ['symbolic links in a ring', [{ name: 'a', type: 'symlink', linkname: 'a' }, { name: 'a/f' }], 'more than 40'],
    [
      'a file as the root',
      [
        { name: './', content: '' },
        { name: '.', type: 'symlink', linkname: '/' },
      ],
      'root of the layer',
    ],
    [
      'below a file',
      [
        { name: 'f', content: 'x' },
        { name: 'f/g', content: 'y' },
      ],
      'not a directory',
    ],
    ['an owner that is "leave as it is"', [{ name: 'f', pax: { uid: '4294967295' } }], 'owner id'],
  ]
  test.each(refused)('refused: %s', (_, items, sentence) =>
    inSandbox(async ({ unpack }) => {
      await expect(unpack(items)).rejects.toMatchObject({
        facts: { id: 'image.entry' },
        message: expect.stringContaining(sentence) as unknown,
      })
    }),
  )

  test('an absolute name counts from the layer', () =>
    inSandbox(async ({ layer, outside, unpack }) => {
      await unpack([{ name: join(outside, 'new'), content: 'x' }])
      expect(readFileSync(join(layer, outside, 'new'), 'utf8')).toBe('x')
    }))

  test('a file through a symbolic link lands where the container would see it', () =>
    inSandbox(async ({ layer, outside, unpack }) => {
      await unpack([
        { name: 'up', type: 'symlink', linkname: '../../outside' },
        { name: 'abs', type: 'symlink', linkname: outside },
        { name: 'up/one', content: 'x' },
        { name: 'abs/two', content: 'y' },
        { name: 'deep/down/abs', type: 'symlink', linkname: '/outside' },
        { name: 'deep/down/abs/three', content: 'z' },
        { name: 'deep/rel', type: 'symlink', linkname: 'down/../sibling' },
        { name: 'deep/rel/four', content: 'w' },
      ])
      expect(readFileSync(join(layer, 'outside/one'), 'utf8')).toBe('x')
      expect(readFileSync(join(layer, outside, 'two'), 'utf8')).toBe('y')
      expect(readFileSync(join(layer, 'outside/three'), 'utf8')).toBe('z')
      expect(readFileSync(join(layer, 'deep/sibling/four'), 'utf8')).toBe('w')
    }))

  test('a symbolic link is replaced by a file, not written through', () =>
    inSandbox(async ({ layer, outside, unpack }) => {
      await unpack([
        { name: 's', type: 'symlink', linkname: join(outside, 'secret') },
        { name: 's', content: 'mine' },
      ])
      expect(lstatSync(join(layer, 's')).isFile()).toBe(true)
    }))

  test('a directory is replaced by a symbolic link, and what follows does not go through the old knowledge', () =>
    inSandbox(async ({ layer, outside, unpack }) => {
      await unpack([
        { name: 'd/x', content: 'x' },
        { name: 'd/.wh.hidden' },
        { name: 'd/', type: 'directory', mode: 0o700 },
        { name: 'd', type: 'symlink', linkname: outside },
        { name: 'd/y', content: 'y' },
      ])
      expect(lstatSync(join(layer, 'd')).isSymbolicLink()).toBe(true)
      expect(readFileSync(join(layer, outside, 'y'), 'utf8')).toBe('y')
      expect(lstatSync(outside).mode & 0o777).toBe(0o755)
    }))

  test('symbolic link, directory entry of the same name, file below it', () =>
    inSandbox(async ({ layer, outside, unpack }) => {
      await unpack([
        { name: 'd', type: 'symlink', linkname: outside },
        { name: 'd/', type: 'directory' },
        { name: 'd/f', content: 'f' },
      ])
      expect(lstatSync(join(layer, 'd')).isDirectory()).toBe(true)
      expect(readFileSync(join(layer, 'd/f'), 'utf8')).toBe('f')
    }))

  test('devices become empty files', () =>
    inSandbox(async ({ layer, unpack }) => {
      const { placeholders } = await unpack([
        { name: 'dev/sda', type: 'block-device', mode: 0o666 },
        { name: 'dev/mem', type: 'character-device' },
      ])
      expect(placeholders).toBe(2)
      for (const name of ['dev/sda', 'dev/mem']) {
        expect([lstatSync(join(layer, name)).isFile(), lstatSync(join(layer, name)).size]).toEqual([true, 0])
      }
    }))

  test('a bomb ends at the bound', () =>
    inDirectory(async (layer) => {
      const bomb = gzip(await tarOf([{ name: 'zeros', content: Buffer.alloc(8 << 20) }]))
      expect(bomb.length).toBeLessThan(20_000)
      await expect(unpackLayer(inPieces(bomb), layer, { applyMarks, maxBytes: 1 << 20 })).rejects.toMatchObject({
        facts: { id: 'image.bomb' },
      })
    }))

  test('so does one far below it that grows too many times; what grows a little goes on', () =>
    inDirectory(async (layer) => {
      const unpack = async (content: Buffer) =>
        unpackLayer(inPieces(gzip(await tarOf([{ name: 'f', content }]))), layer, { applyMarks, ratioFrom: 1 << 20 })
      await expect(unpack(Buffer.alloc(8 << 20))).rejects.toMatchObject({
        message: 'the layer grows beyond all measure when unpacked',
        facts: { id: 'image.bomb', found: expect.stringMatching(/^\d+ bytes out of \d+$/) as unknown },
      })
      const text = Buffer.from(Array.from({ length: 200_000 }, (_, line) => `line ${line}\n`).join(''))
      expect((await unpack(text)).size).toBeGreaterThan(1 << 20)
    }))

  test.each([
    ['a cut gzip', async () => gzip(await tarOf([{ name: 'f', content: 'x'.repeat(9000) }])).subarray(0, 60)],
    ['a cut tar', async () => (await tarOf([{ name: 'f', content: 'x'.repeat(9000) }])).subarray(0, 5000)],
    ['no tar at all', () => Promise.resolve(Buffer.alloc(1024, 'no tar '))],
  ])('damaged: %s', (_, make) =>
    inDirectory(async (layer) => {
      await expect(unpackLayer(inPieces(await make()), layer, { applyMarks })).rejects.toMatchObject({
        facts: { id: 'image.layer' },
      })
    }),
  )
})

describe('owners', () => {
  const items = [
    { name: 'f', uid: 33, gid: 5 },
    { name: 'd/', type: 'directory', uid: 0, gid: 70_000 },
    { name: 'g' },
  ] as const

  test('the single-id map squashes and counts', () =>
    inSandbox(async ({ unpack }) => {
      expect((await unpack(items)).squashed).toBe(2)
    }))

  test('an id beyond the map is refused with entry, id and remedy', () =>
    inSandbox(async ({ unpack }) => {
      await expect(unpack([items[1]], { idLimit: 65_537 })).rejects.toMatchObject({
        message: 'layer entry "d/" belongs to 0:70000, which this user\'s id map does not have',
        facts: {
          id: 'image.owner',
          found: 'the map has ids 0 to 65536',
          try: expect.stringContaining('/etc/subuid') as unknown,
        },
      })
    }))

  test.runIf(isRoot)('owner before mode: setuid survives', () =>
    inSandbox(async ({ layer, unpack }) => {
      await unpack(
        [
          { name: 'su', mode: 0o6755, uid: 33, gid: 5, content: 'x' },
          { name: 'l', type: 'symlink', linkname: 'su', uid: 33 },
        ],
        {
          idLimit: undefined,
        },
      )
      const { uid, gid, mode } = lstatSync(join(layer, 'su'))
      expect([uid, gid, mode & 0o7777]).toEqual([33, 5, 0o6755])
      expect(lstatSync(join(layer, 'l')).uid).toBe(33)
    }),
  )
})

describe('whiteouts', () => {
  test('marks are asked for once, where nothing of the layer itself lies', () =>
    inSandbox(async ({ layer, unpack }) => {
      const asked: (readonly Mark[])[] = []
      const record = (marks: readonly Mark[]) => Promise.resolve(void asked.push(marks))
      await unpack(
        [
          { name: 'a/.wh.gone' },
          { name: 'a/.wh.replaced' },
          { name: 'a/replaced', content: 'new' },
          { name: 'a/tree/f' },
          { name: 'a/.wh.tree' },
          { name: 'b/.wh..wh..opq' },
          { name: '.wh..wh.plnk', type: 'directory' },
        ],
        { applyMarks: record },
      )
      expect(asked.map((marks) => marks.map(({ path, kind }) => [path.toString(), kind]))).toEqual([
        [
          [join(layer, 'a/gone'), 'whiteout'],
          [join(layer, 'b'), 'opaque'],
          [join(layer, 'a/tree'), 'opaque'],
        ],
      ])
      expect(existsSync(join(layer, 'a/.wh.gone'))).toBe(false)
    }))

  test('a whiteout below an opaque directory would be a name that leads to nothing', () =>
    inSandbox(async ({ layer, unpack }) => {
      const asked: string[] = []
      const record = (marks: readonly Mark[]) => Promise.resolve(void asked.push(...marks.map(({ kind }) => kind)))
      await unpack([{ name: 'o/.wh.gone' }, { name: 'o/d/.wh.gone' }, { name: 'o/.wh..wh..opq' }], {
        applyMarks: record,
      })
      expect([asked, existsSync(join(layer, 'o/d'))]).toEqual([['opaque'], true])
    }))

  test('a layer without them asks for none', () =>
    inSandbox(async ({ unpack }) => {
      const fail = () => Promise.reject(new Error('asked'))
      expect((await unpack([{ name: 'f' }], { applyMarks: fail })).entries).toBe(1)
    }))

  test.runIf(isRoot)('overlayfs sees the deletions, and the directory keeps its time', () =>
    inSandbox(async ({ layer, unpack }) => {
      await unpack([{ name: 'a/', type: 'directory', mtime: 9 }, { name: 'a/.wh.gone' }, { name: 'a/o/.wh..wh..opq' }])
      const gone = lstatSync(join(layer, 'a/gone'))
      expect([gone.isCharacterDevice(), gone.rdev]).toEqual([true, 0])
      const { stdout } = await execa('getfattr', ['-n', 'user.overlay.opaque', '--only-values', join(layer, 'a/o')])
      expect(stdout).toBe('y')
      expect(lstatSync(join(layer, 'a')).mtimeMs).toBe(9000)
    }),
  )
})
