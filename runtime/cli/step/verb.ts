/** `--step`: the agent stops before each step and asks; here are the question, on standard error, and the keys. */
import { randomUUID } from 'node:crypto'
import type { TraceEvent } from '../api.ts'
import type { Client } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { Steps } from '../explain/steps.ts'
import { makeView, type View } from '../explain/text.ts'
import { badFlag } from '../options.ts'
import { STDERR, write } from '../output.ts'
import type { Invocation, Verb } from '../verb.ts'
import { openKeys, type Keys } from './keys.ts'
import { formatMoment, formatState, HELP, KEYS } from './screen.ts'

/** What has another use of the same terminal, or does nothing that could be stopped. */
const OTHERS = ['interactive', 'tty', 'explain', 'dry-run'] as const

const assertAlone = (options: Record<string, unknown>): void => {
  const other = OTHERS.find((name) => options[name] !== undefined && options[name] !== false)
  if (other === undefined) return
  const why =
    other === 'interactive' || other === 'tty' ? 'its keys come from standard input' : 'it tells the steps itself'
  throw badFlag(`--step goes without --${other}: ${why}`, 'leave one of them out')
}

type Question = Extract<TraceEvent, { before: number }>

/** Until it is to go on. */
const ask = async (question: Question, keys: Keys, view: View): Promise<'go' | 'leave'> => {
  for (;;) {
    const key = await keys.next()
    if (key === 'n') return 'go'
    if (key === 'q' || key === undefined) return 'leave'
    const text = key === 's' ? formatState(question, view).join('\n') : HELP
    write(STDERR, `${text}\n${view.paint(2, KEYS)}\n`)
  }
}

const follow = async (client: Client, token: string, keys: Keys): Promise<() => Promise<void>> => {
  const events = client.lines<TraceEvent>(`/glasspod/trace/${token}`, { query: { step: true } }, 'GET')
  const hello = await events.next()
  const root = hello.done === true || !('root' in hello.value) ? '' : hello.value.root
  const view = makeView(makePaint(isColourful(STDERR)), root)
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
      write(STDERR, `${formatMoment(event, found, view, entered)}\n`)
      const answer = await ask(event, keys, view)
      hasLeft = answer === 'leave'
      await client.post(`/glasspod/trace/${token}/step`, { query: { do: answer } })
    }
  })()
  // The verb tells what became of it.
  pump.catch(() => undefined)
  return async () => {
    await client.post(`/glasspod/trace/${token}/end`)
    await pump
  }
}

export const stepVerb = async (verb: Verb, invocation: Invocation<Record<string, unknown>>): Promise<number> => {
  assertAlone(invocation.options)
  const keys = openKeys()
  let end: () => Promise<void> = () => Promise.resolve()
  try {
    const agent = async () => {
      const client = await invocation.agent()
      const token = randomUUID()
      end = await follow(client, token, keys)
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
