import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeDetachKeys } from '../../../runtime/cli/detach-keys.ts'
import { formatProgress, formatRedraw, makeProgressChanges, makeProgressLines } from '../../../runtime/cli/progress.ts'
import { demultiplex } from '../../../runtime/cli/stdcopy.ts'

const frame = (stream: number, payload: Uint8Array): Buffer => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

/** Cuts bytes at the given places. */
const cut = (bytes: Buffer, places: number[]): Buffer[] => {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((one, other) => one - other)
  return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length))
}

describe('the multiplexed stream', () => {
  it('gives the same two streams however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 40 }))),
        fc.array(fc.nat()),
        (frames, places) => {
          const got = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
          const push = demultiplex((stream, bytes) => got[stream].push(Buffer.from(bytes)))
          for (const chunk of cut(Buffer.concat(frames.map(([stream, payload]) => frame(stream, payload))), places)) {
            push(chunk)
          }
          const expected = (number: number) =>
            Buffer.concat(frames.filter(([stream]) => stream === number).map(([, payload]) => payload))
          expect(Buffer.concat(got.stdout)).toEqual(expected(1))
          expect(Buffer.concat(got.stderr)).toEqual(expected(2))
        },
      ),
    )
  })

  it('passes the beginning of a frame on before its end has come', () => {
    const got: string[] = []
    demultiplex((stream, bytes) => got.push(`${stream}:${bytes.toString()}`))(
      frame(1, Buffer.from('prompt$')).subarray(0, 12),
    )
    expect(got).toEqual(['stdout:prom'])
  })

  it('refuses what is no such stream', () => {
    expect(() => demultiplex(() => undefined)(Buffer.from('plain text'))).toThrow('stream 112 in a multiplexed stream')
  })
})

describe('detach keys', () => {
  const type = (...chunks: string[]) => {
    const filter = makeDetachKeys()
    return chunks.map((chunk) => {
      const { pass, detach } = filter(Buffer.from(chunk))
      return pass.toString('latin1') + (detach ? '<detach>' : '')
    })
  }

  it('are ctrl-p ctrl-q, in one read or two', () => {
    expect(type('ab\x10\x11cd')).toEqual(['ab<detach>'])
    expect(type('a\x10', '\x11')).toEqual(['a', '<detach>'])
  })

  it('lose nothing else', () => {
    expect(type('\x10', 'x')).toEqual(['', '\x10x'])
    expect(type('\x10\x10\x11')).toEqual(['\x10<detach>'])
    expect(type('\x11a')).toEqual(['\x11a'])
  })
})

describe('the progress of a pull', () => {
  const at = (current: number, total?: number) => ({
    id: '4f4fb700ef54',
    status: 'Downloading',
    progressDetail: total === undefined ? { current } : { current, total },
  })

  it('is a bar', () => {
    expect(
      [at(0, 9_800_000), at(4_100_000, 9_800_000), at(9_800_000, 9_800_000), at(5_000), { status: 'Digest: x' }].map(
        formatProgress,
      ),
    ).toMatchInlineSnapshot(`
      [
        "4f4fb700ef54: Downloading  [>                   ]  0B/9.8MB",
        "4f4fb700ef54: Downloading  [========>           ]  4.1MB/9.8MB",
        "4f4fb700ef54: Downloading  [====================]  9.8MB/9.8MB",
        "4f4fb700ef54: Downloading  5kB",
        "Digest: x",
      ]
    `)
  })

  it('keeps one line a layer, in the order of their first events', () => {
    const update = makeProgressLines()
    update({ id: 'a', status: 'Waiting' })
    update({ id: 'b', status: 'Waiting' })
    expect(update({ id: 'a', status: 'Pull complete' })).toEqual(['a: Pull complete', 'b: Waiting'])
    expect(update({ status: 'Digest: x' })).toEqual(['a: Pull complete', 'b: Waiting', 'Digest: x'])
  })

  it('is two lines a layer in a pipe, and none for what lies between', () => {
    const change = makeProgressChanges()
    const layer = (status: string) => ({ ...at(9, 9), status })
    const events = [
      layer('Waiting'),
      at(1, 9),
      at(5, 9),
      layer('Extracting'),
      layer('Pull complete'),
      { status: 'Done' },
    ]
    expect(events.map(change).filter((line) => line !== undefined)).toEqual([
      '4f4fb700ef54: Downloading',
      '4f4fb700ef54: Pull complete',
      'Done',
    ])
  })

  it('is drawn over itself, cut to the screen', () => {
    const screen = { columns: 6, rows: 3 }
    expect(formatRedraw(['one', 'two', 'three four'], 0, screen)).toBe('\x1b[2Ktwo\n\x1b[2Kthree…\n')
    expect(formatRedraw(['one'], 2, screen)).toBe('\x1b[2A\x1b[2Kone\n')
  })

  it('lets no name move the cursor', () => {
    expect(formatProgress({ id: 'a\x1b[2J', status: 'x\ny' })).toBe('a?[2J: x\\ny')
  })
})
