/** `--step`: the agent stops before each step and asks; here are the question, on standard error, and the keys. */
import { randomUUID } from 'node:crypto'
import type { Explanation, TraceEvent } from '../api.ts'
import type { Client } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { makeExplainRequest } from '../explain/request.ts'
import { Steps } from '../explain/steps.ts'
import { makeView } from '../explain/text.ts'
import { badFlag } from '../options.ts'
import { STDERR, write } from '../output.ts'
import type { Invocation, Verb } from '../verb.ts'
import { openKeys } from './keys.ts'
import { parseStep } from './options.ts'
import { listStops } from './plan.ts'
import { openShell } from './shell.ts'
import { stopAt, type Decision, type Stage } from './stop.ts'

/** What has another use of the same terminal, or does nothing that could be stopped. */
const OTHERS = ['interactive', 'tty', 'explain', 'dry-run'] as const

const assertAlone = (options: Record<string, unknown>): void => {
  const other = OTHERS.find((name) => options[name] !== undefined && options[name] !== false)
  if (other === undefined) return
  const why =
    other === 'interactive' || other === 'tty' ? 'its keys come from standard input' : 'it tells the steps itself'
  throw badFlag(`--step goes without --${other}: ${why}`, 'leave one of them out')
}

const toQuery = (decision: Decision) => ({
  do: decision.go === 'leave' ? 'leave' : 'go',
  to: decision.go === 'to' ? decision.id : undefined,
})

type Scene = Omit<Stage, 'view' | 'shell' | 'plan'> & { plan: (client: Client) => Promise<readonly string[]> }

const follow = async (client: Client, token: string, { plan, ...scene }: Scene): Promise<() => Promise<void>> => {
  const events = client.lines<TraceEvent>(`/glasspod/trace/${token}`, { query: { step: true } }, 'GET')
  const hello = await events.next()
  const root = hello.done === true || !('root' in hello.value) ? '' : hello.value.root
  const stage: Stage = {
    ...scene,
    view: makeView(makePaint(isColourful(STDERR)), root),
    plan: () => plan(client),
    shell: (stop) => openShell(client, stop),
  }
  const steps = new Steps()
  let process: string | undefined
  let hasLeft = false
  const pump = (async () => {
    for await (const event of events) {
      if ('end' in event) break
      if ('steps' in event) steps.add(event.steps)
      // Of leaving, the verb's own error tells.
      else if ('failed' in event && !hasLeft) write(STDERR, `✘ ${event.message}\n`)
      if (!('before' in event)) continue
      const found = steps.find(event.list, event.before, event.group)
      if (found === undefined) continue
      const entered = found.step.process === process ? undefined : found.step.process
      process = found.step.process
      const decision = await stopAt({ question: event, found, entered }, stage)
      hasLeft = decision.go === 'leave'
      await client.post(`/glasspod/trace/${token}/step`, { query: toQuery(decision) })
    }
  })()
  // The verb tells what became of it.
  pump.catch(() => undefined)
  return async () => {
    await client.post(`/glasspod/trace/${token}/end`)
    await pump
  }
}

/** Asked for once, when the first step is about to be made: what it needs (an image) is there by then. */
const planOf = (name: string, { options, operands }: Invocation<Record<string, unknown>>): Scene['plan'] => {
  let plan: Promise<readonly string[]> | undefined
  return (client) =>
    (plan ??= client
      .post<Explanation>('/glasspod/explain', makeExplainRequest(name, options, operands))
      .then(({ steps }) => listStops(steps)))
}

export const stepVerb = async (
  name: string,
  verb: Verb,
  invocation: Invocation<Record<string, unknown>>,
): Promise<number> => {
  assertAlone(invocation.options)
  const play = parseStep(String(invocation.options['step']))
  const keys = openKeys(play.playing && !process.stdin.isTTY ? undefined : process.stdin)
  let end: () => Promise<void> = () => Promise.resolve()
  try {
    const agent = async () => {
      const client = await invocation.agent()
      const token = randomUUID()
      end = await follow(client, token, { keys, ...play, plan: planOf(name, invocation) })
      client.trace = token
      client.isStepped = true
      return client
    }
    return (await verb.run({ ...invocation, agent } as Parameters<Verb['run']>[0])) ?? 0
  } finally {
    await end().catch(() => undefined)
    keys.close()
  }
}
