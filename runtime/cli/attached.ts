/** A command in the foreground: its output here, our input and signals there, until it has ended. */
import { Failure, isFailure } from '../errors.ts'
import type { WaitAnswer } from './api.ts'
import { type Client, type Hijacked, segment } from './client.ts'
import { STDERR, STDOUT, write } from './output.ts'
import { demultiplex } from './stdcopy.ts'
import { FORWARDED, type SignalName, enterRawMode, feedStdin, followSize } from './terminal.ts'

export interface Carried {
  stream: Hijacked
  tty: boolean
  stdin: boolean
}

export type Ending = 'ended' | 'detached'

/** Both directions of one connection. With a terminal it is bytes, without one frames. */
export const carryStreams = async ({ stream, tty, stdin }: Carried): Promise<Ending> => {
  let ending: Ending = 'ended'
  const restore = tty && stdin ? enterRawMode() : undefined
  const detach = () => {
    ending = 'detached'
    stream.socket.destroy()
  }
  if (stdin) feedStdin(stream.socket, tty ? detach : undefined)
  const sink = tty
    ? (chunk: Buffer) => write(STDOUT, chunk)
    : demultiplex((name, bytes) => write(name === 'stderr' ? STDERR : STDOUT, bytes))
  try {
    for await (const chunk of stream.output) sink(chunk)
  } catch (error) {
    if ((ending as Ending) !== 'detached') throw error
  } finally {
    restore?.()
  }
  return ending
}

export interface Foreground {
  client: Client
  id: string
  tty: boolean
  stdin: boolean
  /** The agent removes it at its end: then the end to wait for is the removal. */
  autoRemove: boolean
  start: () => Promise<unknown>
}

/** Attach and wait first, both answered, then start: no byte and no exit code can be missed. */
export const runForeground = async ({ client, id, tty, stdin, autoRemove, start }: Foreground): Promise<number> => {
  const path = `/containers/${segment(id)}`
  const [stream, readExit] = await Promise.all([
    client.hijack(`${path}/attach`, { query: { stream: true, stdin, stdout: true, stderr: true } }),
    client.begin(`${path}/wait`, { query: { condition: autoRemove ? 'removed' : 'next-exit' } }),
  ])
  const started = tty && stdin ? undefined : forwardSignals(client, path)
  const carried = carryStreams({ stream, tty, stdin })
  const settled = carried.catch(() => undefined)
  try {
    await start()
  } catch (error) {
    stream.socket.destroy()
    await settled
    throw error
  }
  started?.()
  if (tty) followSize((size) => client.post(`${path}/resize`, { query: size }))
  if ((await carried) === 'detached') return 0
  try {
    return readExitCode(await readExit())
  } catch (error) {
    throw explainLoss(error, id)
  }
}

export const readExitCode = (answer: unknown): number => {
  const { StatusCode, Error: problem } = answer as WaitAnswer
  if (problem?.Message) throw new Failure(problem.Message, { id: 'container.wait' })
  return StatusCode
}

/** INT, TERM, HUP and QUIT go to the container; what comes before it runs is kept until the returned call. */
const forwardSignals = (client: Client, path: string): (() => void) => {
  let running = false
  const early: SignalName[] = []
  // one that has just ended cannot be signalled: the wait tells what became of it
  const kill = (signal: SignalName) => void client.post(`${path}/kill`, { query: { signal } }).catch(() => undefined)
  for (const name of FORWARDED) process.on(name, () => (running ? kill(name) : early.push(name)))
  return () => {
    running = true
    for (const name of early) kill(name)
  }
}

const explainLoss = (error: unknown, id: string): unknown =>
  isFailure(error) && error.facts.id === 'agent.lost'
    ? new Failure(
        'the agent ended; the container runs on',
        { id: 'agent.lost', try: `glasspod logs -f ${id.slice(0, 12)}, and glasspod wait ${id.slice(0, 12)}` },
        { cause: error },
      )
    : error
