import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultRoot, findForeign, readRuntimeDirectory } from '../../../runtime/rootless/root-directory.ts'
import { failureOf } from './failure-of.ts'

const me = process.getuid?.() ?? 0
let dir = ''
beforeEach(() => (dir = mkdtempSync('/tmp/gp-root-')))
afterEach(() => rmSync(dir, { recursive: true }))

test.each([
  ['GLASSPOD_ROOT', { GLASSPOD_ROOT: '/data/', HOME: '/home/a' }, 1000, '/data'],
  ['XDG_DATA_HOME', { XDG_DATA_HOME: '/xdg', HOME: '/home/a' }, 1000, '/xdg/glasspod'],
  ['the home directory', { HOME: '/home/a' }, 1000, '/home/a/.local/share/glasspod'],
  [
    'empty variables as if unset',
    { GLASSPOD_ROOT: '', XDG_DATA_HOME: '', HOME: '/home/a' },
    1000,
    '/home/a/.local/share/glasspod',
  ],
  ['root: the system user’s', { HOME: '/root', XDG_DATA_HOME: '/xdg' }, 0, '/var/lib/glasspod/storage'],
  ['the system user itself', { HOME: '/var/lib/glasspod' }, 999, '/var/lib/glasspod/storage'],
])('the default root: %s', (_, env, uid, expected) => {
  expect(defaultRoot(env, uid)).toBe(expected)
})

test('a directory of mode 0700 that is ours is not foreign; every other is, and it says why', () => {
  expect(findForeign(dir, me)).toBeUndefined()
  expect(findForeign(dir, me + 1)).toBe(`${dir} belongs to uid ${me}, not to ${me + 1}`)
  symlinkSync(dir, `${dir}/link`)
  expect(findForeign(`${dir}/link`, me)).toBe(`${dir}/link is no directory`)
  chmodSync(dir, 0o755)
  expect(findForeign(dir, me)).toBe(`${dir} has mode 0755, not 0700`)
})

test('no link, or one that leads nowhere: no runtime directory yet', () => {
  expect(readRuntimeDirectory(dir, me)).toBeUndefined()
  symlinkSync(`${dir}/gone`, `${dir}/run`)
  expect(readRuntimeDirectory(dir, me)).toBeUndefined()
})

test('a runtime directory that others can write is refused', async () => {
  mkdirSync(`${dir}/loose`)
  chmodSync(`${dir}/loose`, 0o777)
  symlinkSync(`${dir}/loose`, `${dir}/run`)
  const { facts } = await failureOf(() => readRuntimeDirectory(dir, me))
  expect(facts).toMatchObject({ id: 'root.runtime-directory', found: `${dir}/loose has mode 0777, not 0700` })
})

test('a root directory below a file is refused by name', async () => {
  writeFileSync(`${dir}/file`, '')
  const { message, facts } = await failureOf(() => readRuntimeDirectory(`${dir}/file`, me))
  expect(message).toBe(`root directory ${dir}/file: ENOTDIR`)
  expect(facts.id).toBe('root.directory')
})
