import fc from 'fast-check'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isDirectory, parseIdMap, readNode } from '../../../runtime/agent/node.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()

describe('an id map', () => {
  it.each([
    ['a user and his range', '         0       1000          1\n         1     100000      65536\n', 65537],
    ['one id only', '         0       1000          1\n', 1],
    ['the host’s own', '         0          0 4294967295\n', 4294967295],
    ['out of order', '1 100000 10\n0 1000 1\n', 11],
    ['a gap ends it', '0 1000 1\n2 100000 10\n', 1],
    ['none for root', '1 100000 10\n', 0],
    ['none at all', '', 0],
  ])('%s', (_, text, mapped) => expect(parseIdMap(text)).toBe(mapped))

  it('counts what is contiguous from 0, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 }), (counts) => {
        let inside = 0
        const lines = counts.map((count) => {
          const line = `${inside} ${100_000 + inside} ${count}`
          inside += count
          return line
        })
        expect(parseIdMap(`${lines.toReversed().join('\n')}\n`)).toBe(inside)
      }),
    )
  })
})

describe('the node', () => {
  const makeRoot = (note?: string) => {
    const root = fresh()
    mkdirSync(`${root}-run`, { recursive: true })
    mkdirSync(root)
    symlinkSync(`${root}-run`, `${root}/run`)
    if (note !== undefined) writeFileSync(`${root}-run/holder.json`, note)
    return root
  }

  it('is what the holder noted, and the kernel says', () => {
    const node = readNode(makeRoot('{"pid":7,"startTime":9,"cgroup":"/sys/fs/cgroup/x"}'))
    expect(node).toMatchObject({ cgroup: '/sys/fs/cgroup/x', holder: { pid: 7 } })
    expect(node.host.lastCap).toBeGreaterThanOrEqual(37)
    expect(node.host.mappedIds).toBeGreaterThanOrEqual(1)
  })

  it('has no cgroup where the note has none, or there is no note', () => {
    expect(readNode(makeRoot('{"pid":7,"startTime":9,"cgroup":null}')).cgroup).toBe(undefined)
    expect(readNode(makeRoot()).cgroup).toBe(undefined)
  })

  it('knows its paths, with those that end with the session elsewhere', () => {
    const root = makeRoot()
    expect(readNode(root).paths).toMatchObject({ run: `${root}-run`, containers: `${root}/containers` })
  })

  it('knows a directory when it is one', () => {
    const root = makeRoot('{}')
    expect([root, `${root}/run`, `${root}/run/holder.json`, `${root}/none`].map(isDirectory)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})
