/**
 * A container in the foreground: its output here, our input and signals there, until it has ended. The agent may end in
 * the middle of it; the next one goes on where it stopped.
 */
import { Failure, isFailure } from '../errors.ts'
import { acrossAgents } from './across-agents.ts'
import type { ContainerInspect, WaitAnswer } from './api.ts'
import { type Client, type Hijacked, type Query, segment } from './client.ts'
import { type Feed, feedPipe } from './feed.ts'
import { makeReceived } from './received.ts'
import { FORWARDED, type SignalName, enterRawMode, followSize } from './terminal.ts'

export interface Foreground {
  client: Client
  id: string
  tty: boolean
  stdin: boolean
  /** The agent removes it at its end: then the end to wait for is the removal. */
  autoRemove: boolean
  /** When it was started before, as inspect tells; undefined: never. */
  startedBefore?: string
  /** Makes it, starts it and attaches, in one call; undefined for one that is there. */
  run?: (attach: Query) => Promise<Hijacked>
  start: () => Promise<unknown>
}

/** In the answer of attach: the named pipe that is the container's input. Written by us it outlives the agent. */
const INPUT_HEADER = 'glasspod-input'
const NEVER = '0001-01-01T00:00:00Z'

/** Resolves to the exit code of the container; 0 where the user detached. */
export const runForeground = async (foreground: Foreground): Promise<number> => {
  const { client, id, tty, stdin, run, start } = foreground
  const path = `/containers/${segment(id)}`
  const received = makeReceived(tty)
  const signals = tty && stdin ? undefined : forwardSignals(client, path)
  const tellSize = tty ? followSize((size) => client.post(`${path}/resize`, { query: size })) : undefined
  let phase: 'new' | 'starting' | 'started' = 'new'
  let restore: (() => void) | undefined
  let feed: Feed | undefined

  const startOnce = async (stream: Hijacked): Promise<void> => {
    phase = 'starting'
    await start().catch((error: unknown) => {
      stream.socket.destroy()
      throw error
    })
    phase = 'started'
  }

  const connect = async (): Promise<Connected> => {
    if (phase === 'starting' && (await hasStarted(foreground))) phase = 'started'
    if (run === undefined || phase !== 'new') return attachAndWait(foreground, received.query(), phase === 'started')
    phase = 'starting'
    const stream = await run({ ...ALL_STREAMS, stdin })
    phase = 'started'
    const exit = beginWait(foreground, 'not-running')
    return { stream, readExit: async () => (await exit)() }
  }

  const attempt = async (): Promise<number> => {
    const { stream, readExit } = await connect()
    const take = received.take(stream.headers)
    const input = stream.headers.get(INPUT_HEADER)
    if (tty && stdin) restore ??= await enterRawMode()
    let detached = false
    const carried = (async () => {
      for await (const chunk of stream.output) take(chunk)
    })()
    const settled = carried.catch(() => undefined)
    if (phase !== 'started') await startOnce(stream).finally(() => (phase === 'started' ? undefined : settled))
    const detach = () => {
      detached = true
      stream.socket.destroy()
    }
    signals?.begin()
    tellSize?.()
    if (stdin && input !== undefined) feed ??= feedPipe(input, tty)
    feed?.serve({ end: () => stream.socket.end(), detach })
    try {
      await carried
    } catch (error) {
      if (!detached) throw error
    }
    return detached ? 0 : readExitCode(await readExit())
  }

  try {
    return await acrossAgents(client, attempt)
  } finally {
    restore?.()
    signals?.end()
  }
}

interface Connected {
  stream: Hijacked
  readExit: () => Promise<unknown>
}

const ALL_STREAMS = { stream: true, stdout: true, stderr: true }

/** Resolves when the agent has heard it, to what reads the answer. Its failure is told to who reads. */
const beginWait = ({ client, id, autoRemove }: Foreground, condition: 'not-running' | 'next-exit') => {
  const query = { condition: autoRemove ? 'removed' : condition }
  const begun = client.begin(`/containers/${segment(id)}/wait`, { query })
  begun.catch(() => undefined)
  return begun
}

/** Attach and wait first, both answered, then start: no byte and no exit code can be missed. */
const attachAndWait = async (foreground: Foreground, resumption: Query, started: boolean): Promise<Connected> => {
  const { client, id, stdin } = foreground
  const attach = () =>
    client.hijack(`/containers/${segment(id)}/attach`, { query: { ...ALL_STREAMS, stdin, ...resumption } })
  const wait = () => beginWait(foreground, started ? 'not-running' : 'next-exit')
  if (!started) {
    const [stream, readExit] = await Promise.all([attach(), wait()])
    return { stream, readExit }
  }
  // One that removes itself is kept until we wait for it, and its log with it.
  const stream = await attach().catch((error: unknown) => {
    throw explainGone(error)
  })
  return { stream, readExit: await wait() }
}

/** Whether what the agent's end cut short was done: a container must not run twice. */
const hasStarted = async ({ client, id, startedBefore = NEVER }: Foreground): Promise<boolean> => {
  const { State } = await client.get<ContainerInspect>(`/containers/${segment(id)}/json`).catch((error: unknown) => {
    throw explainGone(error)
  })
  return State.Running || State.StartedAt !== startedBefore
}

const explainGone = (error: unknown): unknown =>
  isFailure(error) && error.facts.status === 404
    ? new Failure(
        'the agent ended, and the container is gone: how it ended is unknown',
        { id: 'agent.lost' },
        { cause: error },
      )
    : error

export const readExitCode = (answer: unknown): number => {
  const { StatusCode, Error: problem } = answer as WaitAnswer
  if (problem?.Message) throw new Failure(problem.Message, { id: 'container.wait' })
  return StatusCode
}

/**
 * INT, TERM, HUP and QUIT go to the container; what comes while none can take them is kept until `begin`. After `end` they
 * are ours again, also those for a container that never came.
 */
const forwardSignals = (client: Client, path: string): { begin: () => void; end: () => void } => {
  let running = false
  const kept: SignalName[] = []
  const kill = (signal: SignalName) =>
    void client.post(`${path}/kill`, { query: { signal } }).catch((error: unknown) => {
      // One that has just ended cannot be signalled: the wait tells what became of it.
      if (isFailure(error) && error.facts.status === undefined) kept.push(signal)
    })
  const takers = FORWARDED.map((name) => [name, () => void (running ? kill(name) : kept.push(name))] as const)
  for (const [name, take] of takers) process.on(name, take)
  return {
    begin: () => {
      running = true
      for (const name of kept.splice(0)) kill(name)
    },
    end: () => {
      for (const [name, take] of takers) process.off(name, take)
      if (!running) for (const name of kept) process.kill(process.pid, name)
    },
  }
}
