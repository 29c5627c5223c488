import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { Records } from '../../../runtime/agent/records.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()

interface Thing {
  id: string
  value: number
}

const stocked = () => {
  const directory = fresh()
  const records = new Records<Thing>(directory, 'thing.json')
  mkdirSync(records.pathOf('a'))
  records.write({ id: 'a', value: 1 })
  return { directory, records }
}

describe('records', () => {
  it('outlive the one who wrote them', () => {
    const { directory, records } = stocked()
    records.write({ id: 'a', value: 2 })
    expect(new Records<Thing>(directory, 'thing.json').readAll()).toEqual({
      records: [{ id: 'a', value: 2 }],
      remains: [],
    })
  })

  it('are replaced whole: no reader sees a half, nothing is left beside them', () => {
    const { directory, records } = stocked()
    const before = statSync(`${directory}/a/thing.json`).ino
    records.write({ id: 'a', value: 3 })
    expect(statSync(`${directory}/a/thing.json`).ino).not.toBe(before)
    expect(readdirSync(`${directory}/a`)).toEqual(['thing.json'])
  })

  it('note what has happened where they can, and never fail', () => {
    const { directory, records } = stocked()
    mkdirSync(`${directory}/a/thing.json.tmp`)
    const told = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    records.note({ id: 'a', value: 4 })
    expect(told).toHaveBeenCalledOnce()
    told.mockRestore()
    expect(() => records.write({ id: 'a', value: 4 })).toThrow('EISDIR')
    expect(records.readAll().records).toEqual([{ id: 'a', value: 1 }])
  })

  it('are their owner’s alone', () => {
    const { directory } = stocked()
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(`${directory}/a/thing.json`).mode & 0o777).toBe(0o600)
  })

  it('name a creation that was never finished', () => {
    const { directory, records } = stocked()
    mkdirSync(`${directory}/b`)
    writeFileSync(`${directory}/b/thing.json.tmp`, '{"id":"b"')
    const { records: found, remains } = records.readAll()
    expect(found.map(({ id }) => id)).toEqual(['a'])
    expect(remains).toEqual([`${directory}/b`])
  })

  it('are refused where their directory is gone', () => {
    const { records } = stocked()
    expect(() => records.write({ id: 'gone', value: 1 })).toThrow('ENOENT')
  })

  // `remains` are deleted (adoption.ts), with all that a container has written.
  it.each([
    ['an empty file, as a power failure leaves it', (path: string) => writeFileSync(path, '')],
    ['one that cannot be read now', (path: string) => mkdirSync(path)],
  ])('are not called remains for %s', (_, damage) => {
    const { directory, records } = stocked()
    mkdirSync(`${directory}/c`)
    damage(`${directory}/c/thing.json`)
    expect(records.readAll().remains).toEqual([])
  })

  it('is JSON that a person can read', () => {
    const { directory } = stocked()
    expect(readFileSync(`${directory}/a/thing.json`, 'utf8')).toBe('{\n  "id": "a",\n  "value": 1\n}')
  })
})
