/**
 * `--record FILE`: what `--step` was told, a line of JSON an event, so that `glasspod replay` shows the same screens
 * without a kernel. The first line says what it is. It has the command's arguments and variables, so it is its owner's.
 */
import { closeSync, fchmodSync, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { errnoOf, Failure } from '../../errors.ts'
import type { TraceEvent } from '../api.ts'
import { printable } from '../table.ts'
import { isEvent } from './event.ts'

const VERSION = 1

interface Head {
  recording: 'glasspod --step'
  version: number
  command: string
}

export interface Recorder {
  note: (event: TraceEvent) => void
  close: () => void
}

const openFailure = (verb: string, file: string, error: unknown): unknown => {
  const errno = errnoOf(error)
  return errno === undefined
    ? error
    : new Failure(`${verb} ${file}: ${errno}`, { id: 'step.recording' }, { cause: error })
}

/** A file of that name is written over. Throws before anything is run, and where the disk is full. */
export const openRecorder = (file: string, command: string): Recorder => {
  let descriptor: number
  const line = (value: Head | TraceEvent) => {
    try {
      writeSync(descriptor, `${JSON.stringify(value)}\n`)
    } catch (error) {
      throw openFailure('record in', file, error)
    }
  }
  try {
    descriptor = openSync(file, 'w', 0o600)
    if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600)
  } catch (error) {
    throw openFailure('record in', file, error)
  }
  line({ recording: 'glasspod --step', version: VERSION, command })
  return { note: line, close: () => closeSync(descriptor) }
}

export interface Recording {
  /** As it was typed. */
  command: string
  events: TraceEvent[]
  /** Whether it was closed: else who recorded was killed. */
  whole: boolean
}

/** Control characters of a foreign file reach no terminal; a text of several lines stays one. */
const clean = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? value.split('\n').map(printable).join('\n') : value

const isHead = (value: unknown): value is Head =>
  typeof value === 'object' &&
  value !== null &&
  'recording' in value &&
  value.recording === 'glasspod --step' &&
  'version' in value &&
  typeof value.version === 'number' &&
  'command' in value &&
  typeof value.command === 'string'

const parseLine = (text: string): unknown => {
  try {
    return JSON.parse(text, clean)
  } catch {
    return undefined
  }
}

const damaged = (file: string, sentence: string, why: string): Failure =>
  new Failure(`${file}: ${sentence}`, {
    id: 'step.recording',
    why,
    try: 'record it again: glasspod run --step --record FILE ...',
  })

/** Pure. Throws a Failure that names the line. */
export const parseRecording = (file: string, text: string): Recording => {
  const lines = text.split('\n')
  const tail = lines.pop()
  const head = parseLine(lines[0] ?? tail ?? '')
  if (!isHead(head)) throw damaged(file, 'no recording of --step', 'its first line does not say that it is one')
  if (head.version !== VERSION)
    throw damaged(file, `a recording of version ${head.version}`, `this glasspod reads version ${VERSION}`)
  if (tail !== '')
    throw damaged(
      file,
      `the recording ends within line ${lines.length + 1}`,
      'a part of it is missing: was it copied whole?',
    )
  const events = lines.slice(1).map((line, index) => {
    const event = parseLine(line)
    if (!isEvent(event))
      throw damaged(file, `line ${index + 2} of the recording is damaged`, 'it is no event of --step')
    return event
  })
  return { command: head.command, events, whole: events.some((event) => 'end' in event) }
}

export const readRecording = (file: string): Recording => {
  let text: string
  try {
    if (!statSync(file).isFile()) throw damaged(file, 'no recording of --step', 'it is no regular file')
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw openFailure('replay', file, error)
  }
  return parseRecording(file, text)
}
