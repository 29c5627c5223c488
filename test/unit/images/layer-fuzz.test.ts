/** Promise: whatever the archive, it becomes the tree that the rules say or is refused by name, and nothing else. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEntry } from '../../../images/layer/entry.ts'
import { TarBlocks } from '../../../images/layer/tar-blocks.ts'
import { unpackLayer } from '../../../images/layer/unpack.ts'
import { isFailure } from '../../../runtime/errors.ts'
import { fuzzRuns } from '../../fixtures/fuzz-runs.ts'
import { Model, type Operation } from '../../fixtures/hostile/model.ts'
import { archive, entry, file, gnuLong, pax, type RawHeader } from '../../fixtures/hostile/raw-tar.ts'
import { inOrder, readTree } from '../../fixtures/hostile/tree.ts'
import { applyMarks } from '../../fixtures/tar-marks.ts'
import { inPieces } from '../../fixtures/tar.ts'

const BYTES_CASES = 92_000
const TREE_CASES = 5_000
const UNPACK_CASES = 3_000
/** Milliseconds, on a machine that does other things too. */
const PATIENCE = 300_000
const TMPFS_MAGIC = 0x01021994

/** Few names, so that they meet; and the ones that mean something. */
const part = fc.constantFrom(
  'a',
  'b',
  'c',
  'a',
  'b',
  'd',
  '.',
  '',
  '.wh.a',
  '.wh.b',
  '.wh..wh..opq',
  '.wh.',
  '.wh..wh.x',
)
const rarely = fc.constantFrom('..', '.wh..', '.wh...')
const component = fc.oneof({ weight: 30, arbitrary: part }, { weight: 1, arbitrary: rarely })
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const target = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', '..', '.', 'outside', ''), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: fc.constant('file' as const), path, content: fc.constantFrom('', 'one', 'two') }),
  fc.record({ type: fc.constantFrom('directory' as const, 'device' as const), path }),
  fc.record({ type: fc.constantFrom('symlink' as const, 'link' as const), path, target }),
)

const TYPE = { file: '0', link: '1', symlink: '2', device: '3', directory: '5', fifo: '6' } as const

/** A path that ends with a slash is a directory in old archives, whatever its type says. */
const isPlain = ({ type, path: name }: Operation): boolean => type !== 'file' || !name.endsWith('/')

const tarOf = (operations: readonly Operation[]): Buffer =>
  archive(
    ...operations.map((step) =>
      entry(
        {
          name: step.path,
          type: TYPE[step.type],
          mode: step.type === 'directory' ? 0o755 : 0o644,
          ...('target' in step && { linkname: step.target }),
        },
        'content' in step ? step.content : '',
      ),
    ),
  )

const header: fc.Arbitrary<RawHeader> = fc.record(
  {
    name: path,
    type: fc.constantFrom('0', '1', '2', '3', '5', '6', 'S', 'x', 'g', 'L', 'K', 'V'),
    size: fc.oneof(fc.nat(2000), fc.integer(), fc.maxSafeInteger()),
    mode: fc.nat(0o7777),
    uid: fc.oneof(fc.nat(70_000), fc.integer()),
    mtime: fc.integer(),
    linkname: target,
    magic: fc.constantFrom('ustar' as const, 'gnu' as const, 'none' as const),
  },
  { requiredKeys: ['name', 'type'] },
)
const paxKey = fc.constantFrom(
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'SCHILY.xattr.user.x',
  'GNU.sparse.map',
  'GNU.sparse.size',
  'GNU.sparse.major',
  'GNU.sparse.minor',
  'GNU.sparse.realsize',
  'GNU.sparse.name',
  'GNU.sparse.numblocks',
)
const paxValue = fc.oneof(
  path,
  fc.nat(3000).map(String),
  fc.constantFrom('1', '0', '0,1', '0,5,6,2', '-1', '1.5', '', '\0', '0.1'),
)
const piece: fc.Arbitrary<Buffer> = fc.oneof(
  fc.tuple(path, fc.string({ maxLength: 700 })).map(([name, content]) => file(name, content)),
  header.map((facts) => entry(facts, 'x'.repeat(600))),
  fc.dictionary(paxKey, paxValue, { maxKeys: 5 }).map((records) => pax(records)),
  fc.string({ maxLength: 60 }).map((text) => pax(text)),
  path.map((name) => gnuLong('L', name)),
  fc.constant(Buffer.alloc(512)),
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
)
const mutation = fc.tuple(fc.nat(10_000), fc.nat(255))
const damagedTar = fc
  .tuple(fc.array(piece, { maxLength: 6 }), fc.array(mutation, { maxLength: 3 }), fc.option(fc.nat(8000)))
  .map(([pieces, mutations, cut]) => {
    const tar = archive(...pieces)
    for (const [at, byte] of mutations) tar[at % tar.length] = byte
    return cut === null ? tar : tar.subarray(0, cut % (tar.length + 1))
  })

describe('any archive', () => {
  let work: string
  let count = 0
  beforeAll(() => {
    // Ten thousand trees: not on a disk, where there is a choice.
    const shm = '/dev/shm'
    work = mkdtempSync(join(isTmpfs(shm) ? shm : tmpdir(), 'gp-fuzz-'))
  })
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  const inTree = async (check: (layer: string) => Promise<void>): Promise<void> => {
    const directory = join(work, `${count++}`)
    const [layer, outside] = [join(directory, 'layer'), join(directory, 'outside')]
    mkdirSync(layer, { recursive: true })
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    await check(layer)
    expect(readdirSync(directory)).toHaveLength(2)
    expect(readdirSync(outside)).toEqual(['secret'])
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
    rmSync(directory, { recursive: true })
  }

  const unpack = async (tar: Buffer, layer: string, form: 'tree' | 'overlay', size: number): Promise<boolean> => {
    try {
      await unpackLayer(inPieces(tar, size), layer, { applyMarks, form, idLimit: 1 })
      return true
    } catch (error) {
      if (!isFailure(error)) throw error
      return false
    }
  }

  test(
    `is read, or refused by a Failure: ${BYTES_CASES} times`,
    () => {
      fc.assert(
        fc.property(damagedTar, fc.integer({ min: 1, max: 2000 }), (tar, size) => {
          try {
            const blocks = new TarBlocks({
              entry: (facts) => void readEntry({ ...facts, name: facts.name ?? 'n', linkname: facts.linkname ?? 'l' }),
              data: () => undefined,
              end: () => undefined,
            })
            for (let at = 0; at < tar.length; at += size) blocks.write(tar.subarray(at, at + size))
            blocks.end()
          } catch (error) {
            if (!isFailure(error)) throw error
          }
        }),
        fuzzRuns(BYTES_CASES),
      )
    },
    PATIENCE,
  )

  test(
    `stays inside: ${UNPACK_CASES} times`,
    () =>
      fc.assert(
        fc.asyncProperty(
          damagedTar,
          fc.constantFrom('tree' as const, 'overlay' as const),
          fc.integer({ min: 1, max: 5000 }),
          (tar, form, size) => inTree(async (layer) => void (await unpack(tar, layer, form, size))),
        ),
        fuzzRuns(UNPACK_CASES),
      ),
    PATIENCE,
  )

  test(
    `becomes what the model says, layer upon layer: ${TREE_CASES} times`,
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(operation.filter(isPlain), { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
          (layers) =>
            inTree(async (layer) => {
              const model = new Model()
              for (const operations of layers) {
                model.nextLayer()
                const isTaken = operations.every((step) => model.apply(step))
                expect(await unpack(tarOf(operations), layer, 'tree', 4096)).toBe(isTaken)
                if (!isTaken) return
              }
              expect(inOrder(readTree(layer))).toEqual(inOrder(model.lines()))
            }),
        ),
        fuzzRuns(TREE_CASES),
      ),
    PATIENCE,
  )
})

const isTmpfs = (path: string): boolean => {
  try {
    return statfsSync(path).type === TMPFS_MAGIC
  } catch {
    return false
  }
}
