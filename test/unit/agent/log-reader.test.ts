import fc from 'fast-check'
import { appendFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { followLog, LogReader, type LogFrame, type PlacedFrame } from '../../../runtime/agent/log-reader.ts'
import { encodeFrame, err, out } from './frames.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()

const file = (...parts: Uint8Array[]): string => {
  const path = fresh()
  writeFileSync(path, Buffer.concat(parts))
  return path
}
const readAll = (path: string, offset?: number): { frames: PlacedFrame[]; position: number } => {
  const frames: PlacedFrame[] = []
  const reader = new LogReader(path, offset)
  reader.read((frame) => frames.push(frame))
  reader.close()
  return { frames, position: reader.position }
}
const texts = (frames: LogFrame[]) => frames.map(({ stream, bytes }) => `${stream} ${bytes.toString()}`)

const written = fc.record({
  stream: fc.constantFrom<1 | 2>(1, 2),
  seconds: fc.integer({ min: 0, max: 2 ** 33 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  text: fc.uint8Array({ minLength: 1, maxLength: 200 }),
})

describe('a log', () => {
  it('gives back the frames that the pumps wrote, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(written), (frames) => {
        const path = file(...frames.map(encodeFrame))
        const offsets = frames.map((_, index) => Buffer.concat(frames.slice(0, index).map(encodeFrame)).length)
        expect(readAll(path).frames.map((frame) => ({ ...frame, bytes: [...frame.bytes] }))).toEqual(
          frames.map(({ stream, seconds, nanoseconds, text }, index) => ({
            offset: offsets[index],
            stream,
            time: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
            bytes: [...text],
          })),
        )
      }),
      { numRuns: 50 },
    )
  })

  it('is the same read in any pieces', () => {
    const whole = Buffer.concat([out('one\n'), err('two\n'), out('three\n')])
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 6 }), (cuts) => {
        const path = file()
        const reader = new LogReader(path)
        const frames: LogFrame[] = []
        const edges = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
        edges.slice(1).forEach((end, index) => {
          appendFileSync(path, whole.subarray(edges[index], end))
          reader.read((frame) => frames.push(frame))
        })
        reader.close()
        expect(texts(frames)).toEqual(['1 one\n', '2 two\n', '1 three\n'])
      }),
      { numRuns: 50 },
    )
  })

  it('is longer than one read', () => {
    const line = 'x'.repeat(32 * 1024)
    const { frames, position } = readAll(file(...Array.from({ length: 70 }, () => out(line))))
    expect(frames).toHaveLength(70)
    expect(frames.every(({ bytes }) => bytes.toString() === line)).toBe(true)
    expect(position).toBe(70 * (32 + 32 * 1024))
  })

  it('keeps a frame that is half there for later, and says where it begins', () => {
    const path = file(out('whole\n'), out('half').subarray(0, 34))
    const first = readAll(path)
    expect(texts(first.frames)).toEqual(['1 whole\n'])
    expect(first.position).toBe(32 + 6)
    appendFileSync(path, out('half').subarray(34))
    expect(texts(readAll(path, first.position).frames)).toEqual(['1 half'])
  })

  it('keeps what a frame holds when more is read', () => {
    const path = file(out('first'))
    const frames: LogFrame[] = []
    const reader = new LogReader(path)
    reader.read((frame) => frames.push(frame))
    appendFileSync(path, out('other'))
    reader.read((frame) => frames.push(frame))
    reader.close()
    expect(texts(frames)).toEqual(['1 first', '1 other'])
  })

  // A full disk lets writev(2) write a part of a frame: the next header then lies inside what the last one promised.
  it('finds its way again after a frame that a full disk cut short', () => {
    const { frames } = readAll(file(out('lost lost lost').subarray(0, 35), out('a\n'), out('b\n'), out('c\n')))
    expect(texts(frames).slice(-1)).toEqual(['1 c\n'])
  })
})

describe('following a log', () => {
  it('delivers what is there, what comes, and at its end what is left', async () => {
    const path = file(out('before'))
    const frames: LogFrame[] = []
    let heard = () => {}
    const second = new Promise<void>((resolve) => (heard = resolve))
    const follower = followLog(path, 0, (frame) => {
      if (frames.push(frame) === 2) heard()
    })
    expect(texts(frames)).toEqual(['1 before'])
    appendFileSync(path, err('while'))
    await second
    expect(texts(frames)).toEqual(['1 before', '2 while'])
    appendFileSync(path, out('last'))
    follower.stop()
    expect(texts(frames)).toEqual(['1 before', '2 while', '1 last'])
  })

  it('delivers nothing once it was stopped, and may be stopped twice', () => {
    const path = file(out('x'))
    const frames: LogFrame[] = []
    const follower = followLog(path, 0, (frame) => frames.push(frame))
    follower.stop()
    appendFileSync(path, out('y'))
    follower.stop()
    expect(texts(frames)).toEqual(['1 x'])
  })
})
