import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../../runtime/rootless/until.ts'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gp-until-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

test('asks again when a watched file changes', async () => {
  const file = join(dir, 'file')
  writeFileSync(file, '')
  let asked = 0
  const probe = () => {
    if (asked++ === 0) writeFileSync(file, 'x')
    return asked > 1 ? asked : undefined
  }
  expect(await until({ probe, watched: [file], timeoutMs: 60_000 })).toBe(2)
})

test('what is watched may be gone: the probe tells', async () => {
  const gone = join(dir, 'gone', 'cgroup.events')
  expect(await until({ probe: () => 'gone', watched: [gone], timeoutMs: 60_000 })).toBe('gone')
})

test('undefined when the time is over', async () => {
  expect(await until({ probe: () => undefined, watched: [], timeoutMs: 0 })).toBe(undefined)
})
