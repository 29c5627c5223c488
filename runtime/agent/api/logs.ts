/** GET /containers/ID/logs: what the pumps wrote, whole lines for `tail`, and on as it grows for `follow`. */
import type { Container } from '../containers.ts'
import { Failure } from '../../errors.ts'
import { flowOf, frameWriter } from '../hijack.ts'
import type { Request } from '../http.ts'
import { followLog, LogReader, type LogFrame, type PlacedFrame } from '../log-reader.ts'
import { monitorFiles } from '../monitored.ts'
import { formatPosition, parseResumption, POSITION_HEADER, skipReceived, type Position } from '../resume.ts'
import { isTrue } from './query.ts'

/** Seconds since 1970 with up to nine decimals, as the Docker API sends `since` and `until`; in nanoseconds. */
const parseTime = (text: string | null, name: string): bigint | undefined => {
  if (text === null || text === '' || text === '0') return undefined
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text)
  if (match === null) throw new Failure(`invalid ${name}: '${text}'`, { id: 'logs.time', status: 400, exitCode: 125 })
  return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'))
}

const formatTime = (time: bigint): string => {
  const whole = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19)
  return `${whole}.${(time % 1_000_000_000n).toString().padStart(9, '0')}Z`
}

/** Puts the time before each line of a stream; a frame may end within a line, which the next one goes on with. */
const timestamper = () => {
  const atStart = { 1: true, 2: true }
  return (frame: LogFrame): LogFrame => {
    const stamp = Buffer.from(`${formatTime(frame.time)} `)
    const parts: Buffer[] = []
    for (let at = 0; at < frame.bytes.length;) {
      const newline = frame.bytes.indexOf(10, at)
      const end = newline < 0 ? frame.bytes.length : newline + 1
      if (atStart[frame.stream]) parts.push(stamp)
      parts.push(frame.bytes.subarray(at, end))
      atStart[frame.stream] = newline >= 0
      at = end
    }
    return { ...frame, bytes: Buffer.concat(parts) }
  }
}

/** Where the last `count` lines of these frames begin; undefined for all of them. */
const findLastLines = (frames: readonly PlacedFrame[], count: number): Position | undefined => {
  let missing = count
  for (let index = frames.length - 1; index >= 0; index--) {
    const frame = frames[index]
    if (frame === undefined) break
    const isLast = index === frames.length - 1
    for (let at = frame.bytes.length - (isLast ? 2 : 1); at >= 0; at--) {
      if (frame.bytes[at] === 10 && --missing === 0) return { offset: frame.offset, cut: at + 1 }
    }
  }
  return undefined
}

const findStart = (file: string, tail: string, wanted: (frame: LogFrame) => boolean): Position => {
  if (tail === 'all') return { offset: 0, cut: 0 }
  const kept: PlacedFrame[] = []
  const reader = new LogReader(file)
  reader.read((frame) => wanted(frame) && kept.push({ ...frame, bytes: Buffer.from(frame.bytes) }))
  const end = { offset: reader.position, cut: 0 }
  reader.close()
  return Number(tail) === 0 ? end : (findLastLines(kept, Number(tail)) ?? { offset: kept[0]?.offset ?? 0, cut: 0 })
}

export const readLogs = async (container: Container, { query, response }: Request): Promise<undefined> => {
  const file = monitorFiles(container.directory).log
  const [since, until] = [parseTime(query.get('since'), 'since'), parseTime(query.get('until'), 'until')]
  const tail = query.get('tail') ?? 'all'
  if (tail !== 'all' && !/^\d{1,9}$/.test(tail))
    throw new Failure(`invalid number of lines: '${tail}'`, {
      id: 'logs.tail',
      try: '--tail 10',
      status: 400,
      exitCode: 125,
    })
  const streams = { 1: isTrue(query.get('stdout')), 2: isTrue(query.get('stderr')) }
  if (!streams[1] && !streams[2])
    throw new Failure('you must choose at least one stream', { id: 'logs.stream', status: 400 })
  const wanted = ({ stream, time }: LogFrame) =>
    streams[stream] && (since === undefined || time >= since) && (until === undefined || time <= until)
  const resumption = parseResumption(query)
  const position = resumption?.position ?? findStart(file, tail, wanted)
  const tty = container.record.body.Tty === true
  response.writeHead(200, {
    'content-type': tty ? 'application/vnd.docker.raw-stream' : 'application/vnd.docker.multiplexed-stream',
    [POSITION_HEADER]: formatPosition(position),
  })
  response.flushHeaders()
  const write = frameWriter(response, tty)
  const stamp = isTrue(query.get('timestamps')) ? timestamper() : (frame: LogFrame) => frame
  const skip = skipReceived(resumption?.received)
  const send = (frame: PlacedFrame) => {
    if (!wanted(frame)) return
    const bytes = frame.offset === position.offset ? frame.bytes.subarray(position.cut) : frame.bytes
    const rest = skip(stamp({ ...frame, bytes }))
    if (rest !== undefined && rest.bytes.length > 0) write(rest)
  }
  const follows = isTrue(query.get('follow')) && container.isRunning
  const follower = followLog(file, position.offset, send, flowOf(response))
  if (follows)
    await new Promise<void>((resolve) => {
      container.events.once('end', resolve)
      response.once('close', () => {
        container.events.off('end', resolve)
        resolve()
      })
    })
  await new Promise<void>((resolve) => {
    if (response.destroyed) {
      follower.cancel()
      return resolve()
    }
    follower.stop(resolve)
    response.once('close', () => {
      follower.cancel()
      resolve()
    })
  })
  response.end()
  return undefined
}
