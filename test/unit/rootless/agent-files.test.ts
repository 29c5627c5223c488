/** Promise: a copy of the agent that a start goes on with stays, and half a copy is taken for none. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { markUsed, pruneCopies } from '../../../runtime/rootless/agent-files.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'glasspod-copies-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const HOUR = 3600

const makeCopy = (name: string, hoursAgo: number) => {
  mkdirSync(join(directory, name, 'cni'), { recursive: true })
  writeFileSync(join(directory, name, 'agent.cjs'), '')
  const used = Date.now() / 1000 - hoursAgo * HOUR
  utimesSync(join(directory, name), used, used)
}

test('those that were used last are left, and what is no copy', () => {
  makeCopy('dev', 9)
  for (const [at, name] of ['a', 'b', 'c', 'd', 'e.77'].entries()) makeCopy(name, at + 1)
  markUsed(join(directory, 'd'))
  pruneCopies(directory, 2, 'dev')
  expect(readdirSync(directory).sort()).toEqual(['a', 'd', 'dev'])
})

test('all of the last minute are left, however many', () => {
  for (const name of ['a', 'b', 'c']) makeCopy(name, 0)
  pruneCopies(directory, 1, 'dev')
  expect(readdirSync(directory).sort()).toEqual(['a', 'b', 'c'])
})
