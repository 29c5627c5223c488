/** `--step`: the agent stops before each step and asks; here are the question, on standard error, and the keys. */
import { randomUUID } from 'node:crypto'
import { Failure } from '../../errors.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { isAgentGone } from '../across-agents.ts'
import type { Explanation, TraceEvent } from '../api.ts'
import type { Client } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { makeExplainRequest } from '../explain/request.ts'
import { makeView } from '../explain/text.ts'
import { findNearest } from '../nearest.ts'
import { badFlag } from '../options.ts'
import { printError, readWidth, STDERR } from '../output.ts'
import type { Invocation, Verb } from '../verb.ts'
import { isShown } from './event.ts'
import { openKeys } from './keys.ts'
import { parseStep } from './options.ts'
import { listStops, makePlan, type Plan } from './plan.ts'
import { openRecorder, type Recorder } from './recording.ts'
import { openShell } from './shell.ts'
import type { Stage } from './stage.ts'
import { stopAt, type Decision } from './stop.ts'
import { walkStops } from './walk.ts'

/** What has another use of the same terminal, or does nothing that could be stopped. */
const OTHERS = ['interactive', 'tty', 'explain', 'dry-run'] as const

const assertAlone = (options: Record<string, unknown>): void => {
  const other = OTHERS.find((name) => options[name] !== undefined && options[name] !== false)
  if (other === undefined) return
  const why =
    other === 'interactive' || other === 'tty' ? 'its keys come from standard input' : 'it tells the steps itself'
  throw badFlag(`--step goes without --${other}: ${why}`, 'leave one of them out')
}

const readWithout = (options: Record<string, unknown>): readonly string[] => {
  const without = (options['without'] ?? []) as readonly string[]
  if (without.length > 0 && options['pod'] !== undefined)
    throw badFlag('--without goes without --pod: the other containers of that pod would feel it too', 'leave out --pod')
  return without
}

const toQuery = (decision: Decision) => ({
  do: decision.go === 'leave' ? 'leave' : 'go',
  to: decision.go === 'to' ? decision.id : undefined,
})

/** What was to be left out and is not there: then nothing is left out, and nothing is made. */
const assertPlanned = async (without: readonly string[], { ahead }: Plan): Promise<void> => {
  if (without.length === 0) return
  const ids = await ahead()
  const unknown = without.find((id) => !ids.includes(id))
  if (unknown === undefined) return
  const nearest = findNearest(unknown, ids)
  throw new Failure(`--without ${unknown}: this plan has no such step`, {
    id: 'step.without',
    try: nearest === undefined ? 'glasspod explain, which lists the steps' : `--without ${nearest}`,
  })
}

interface Scene extends Omit<Stage, 'view' | 'shell' | 'plan'> {
  recorder: Recorder | undefined
  without: readonly string[]
  all: (client: Client) => Promise<string[]>
}

/** Rejects with what went wrong on this side; of what goes wrong on the other, the verb tells. */
type End = () => Promise<void>

const follow = async (client: Client, token: string, scene: Scene): Promise<End> => {
  const { recorder, without } = scene
  const query = { step: true, without: without.length === 0 ? undefined : JSON.stringify(without) }
  const events = client.lines<TraceEvent>(`/glasspod/trace/${token}`, { query }, 'GET')
  const hello = await events.next()
  const { root, warnings = [] } = hello.done !== true && 'root' in hello.value ? hello.value : { root: '' }
  recorder?.note({ root, warnings })
  for (const warning of warnings) printError(`warning: ${warning}`)
  const plan = makePlan(() => scene.all(client))
  const stage: Stage = {
    ...scene,
    view: makeView(makePaint(isColourful(STDERR)), root, readWidth(STDERR)),
    plan: plan.ahead,
    shell: (stop) => openShell(client, stop),
  }
  const answer = (decision: Decision) =>
    client.post(`/glasspod/trace/${token}/step`, { query: toQuery(decision) }).catch(() => undefined)
  const recorded = async function* () {
    for await (const event of events) {
      if (recorder !== undefined && isShown(event)) recorder.note(event)
      yield event
    }
  }
  let hasLeft = false
  let failure: Error | undefined
  const fail = (error: unknown) => (failure ??= error instanceof Error ? error : new Error(String(error)))
  const pump = (async () => {
    let isFirst = true
    for await (const stop of walkStops(recorded(), (message) => {
      // Of leaving, the verb's own error tells.
      if (!hasLeft) printError(`✘ ${message}`)
    })) {
      let decision: Decision = { go: 'leave' }
      try {
        if (isFirst) await assertPlanned(without, plan)
        isFirst = false
        plan.pass(stop.found.step.id)
        decision = await stopAt(stop, stage)
      } catch (error) {
        fail(error)
      }
      hasLeft = decision.go === 'leave'
      await answer(decision)
    }
  })()
  const end = () => client.post(`/glasspod/trace/${token}/end`).catch(() => undefined)
  // Nobody answers any more, which is leaving too.
  const pumped = pump.catch((error: unknown) => {
    fail(error)
    return end()
  })
  return async () => {
    await end()
    await pumped
    // That the agent is gone, the verb tells.
    if (failure !== undefined && !isAgentGone(failure)) throw failure
  }
}

/** The plan as it is when the first step is about to be made: what it needs (an image) is there by then. */
const planOf =
  (name: string, { options, operands }: Invocation<Record<string, unknown>>): Scene['all'] =>
  (client) =>
    client
      .post<Explanation>('/glasspod/explain', makeExplainRequest(name, options, operands))
      .then(({ steps }) => listStops(steps))

/** From the verb on. */
const readCommand = (name: string): string => {
  const words = process.argv.slice(2)
  return words
    .slice(words.indexOf(name.split(' ')[0] ?? name))
    .map(quoteWord)
    .join(' ')
}

export const stepVerb = async (
  name: string,
  verb: Verb,
  invocation: Invocation<Record<string, unknown>>,
): Promise<number> => {
  const { options } = invocation
  assertAlone(options)
  const { playing, seconds } = parseStep(String(options['step']))
  const without = readWithout(options)
  const file = options['record'] as string | undefined
  const recorder = file === undefined ? undefined : openRecorder(file, readCommand(name))
  const keys = openKeys(playing && !process.stdin.isTTY ? undefined : process.stdin)
  const scene = { keys, playing, seconds, recorder, without, out: STDERR, all: planOf(name, invocation) } as const
  let followed: End = () => Promise.resolve()
  /** No key is waited for any more: of a question that the agent has left open, too. */
  const end = () => {
    keys.close()
    return followed()
  }
  try {
    const agent = async () => {
      const client = await invocation.agent()
      const token = randomUUID()
      followed = await follow(client, token, scene)
      client.trace = token
      client.isStepped = true
      return client
    }
    const code = (await verb.run({ ...invocation, agent } as Parameters<Verb['run']>[0])) ?? 0
    await end()
    return code
  } catch (error) {
    // What went wrong on this side is why the verb failed.
    await end()
    throw error
  } finally {
    recorder?.close()
  }
}
