/** Connects a client's stream to a run of a container or an exec: its log as it grows, its input as it comes. */
import type { Socket } from 'node:net'
import type { EventEmitter } from 'node:events'
import type { RawStream } from './hijack.ts'
import { followLog, type LogFrame } from './log-reader.ts'
import { monitorFiles } from './monitored.ts'
import { skipReceived } from './resume.ts'

export interface Attachable {
  directory: string
  events: EventEmitter
  /** Its input once it runs; undefined where it reads none. */
  input: Socket | undefined
}

export interface AttachOptions {
  stdout: boolean
  stderr: boolean
  stdin: boolean
  /** Where in the log to begin, in bytes. */
  from: number
  /** What the client has of each stream already, from there on. */
  received?: [number, number] | undefined
  /** Close the program's input when the client closes its own. */
  closeInput: boolean
}

/**
 * Ends when the run does, or the client goes; `whenStarted` tells when the input is there. Returns what ends it with what
 * there is: for a run that is over.
 */
export const attach = (
  thing: Attachable,
  stream: RawStream,
  options: AttachOptions,
  whenStarted: Promise<void>,
): (() => void) => {
  const wanted = ({ stream: number }: LogFrame) => (number === 1 ? options.stdout : options.stderr)
  const skip = skipReceived(options.received)
  const take = (frame: LogFrame) => {
    const rest = wanted(frame) ? skip(frame) : undefined
    if (rest !== undefined) stream.write(rest)
  }
  const follower = followLog(monitorFiles(thing.directory).log, options.from, take, stream.flow)
  const end = () => follower.stop(() => stream.end())
  // Not started: whoever asked is told by the answer, which is still to come.
  const forget = () => {
    thing.events.off('end', end)
    follower.cancel()
  }
  thing.events.once('end', end)
  thing.events.once('failed', forget)
  stream.onClose(forget)
  if (options.stdin && stream.input !== undefined) {
    const { input } = stream
    void whenStarted.then(() => {
      if (thing.input === undefined) return input.resume()
      input.pipe(thing.input, { end: options.closeInput })
    })
  } else stream.input?.resume()
  return end
}
