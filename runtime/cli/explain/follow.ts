/**
 * `--explain`: what the agent does for this command, as it does it, on standard error. The stream is opened first and
 * named in each request, so that no step can be missed.
 */
import { randomUUID } from 'node:crypto'
import type { TraceEvent } from '../api.ts'
import type { Client } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { STDERR, readWidth, write } from '../output.ts'
import { formatMermaid } from './mermaid.ts'
import type { ExplainFormat } from './options.ts'
import { formatStrace } from './strace.ts'
import { Steps, type Numbered } from './steps.ts'
import { formatHead, formatProcess, formatStep, makeView, type Outcome, type View } from './text.ts'

type Show = (found: Numbered, outcome: Outcome | undefined) => string

const showText = (view: View): Show => {
  let process: string | undefined
  return ({ step, number, inner }, outcome) => {
    const changed = step.process !== process && step.process !== undefined
    process = step.process
    const rule = changed ? `${formatProcess(step.process ?? '', view)}\n` : ''
    // What it is and what is inside was told when it began: now the time.
    const told = inner === undefined && outcome !== undefined && step.inside !== undefined
    return told ? `${formatHead(step, number, view, outcome)}\n` : `${rule}${formatStep(step, number, view, outcome)}\n`
  }
}

const SHOW: Record<Exclude<ExplainFormat, 'json'>, (view: View) => Show> = {
  text: showText,
  strace:
    () =>
    ({ step, number }, outcome) =>
      outcome === undefined || (outcome.ok && step.inside !== undefined)
        ? ''
        : `${formatStrace(step, number, outcome.micros)}${outcome.ok ? '' : `\n! ${outcome.message ?? ''}`}\n`,
  mermaid: () => () => '',
}

type Told = Exclude<TraceEvent, { root: string } | { end: true } | { before: number }>

const tell = (event: Told, steps: Steps, show: Show): string => {
  if ('steps' in event) {
    steps.add(event.steps)
    return ''
  }
  const at = 'began' in event ? event.began : 'done' in event ? event.done : event.failed
  const found = steps.find(event.list, at, 'group' in event ? event.group : undefined)
  if (found === undefined) return ''
  if ('began' in event) return found.step.inside === undefined ? '' : show(found, undefined)
  const outcome: Outcome =
    'failed' in event
      ? { ok: false, message: event.message }
      : { ok: true, micros: 'micros' in event ? event.micros : undefined }
  steps.outcomes.set(found.number, outcome)
  return show(found, outcome)
}

/** Tells what comes; the returned promise resolves when the stream is open, to what ends it. */
const follow = async (client: Client, token: string, format: ExplainFormat): Promise<() => Promise<void>> => {
  const events = client.lines<TraceEvent>(`/glasspod/trace/${token}`, {}, 'GET')
  const hello = await events.next()
  const root = hello.done === true || !('root' in hello.value) ? '' : hello.value.root
  const view = makeView(makePaint(isColourful(STDERR)), root, readWidth(STDERR))
  const steps = new Steps()
  const show = format === 'json' ? undefined : SHOW[format](view)
  const pump = (async () => {
    for await (const event of events)
      if ('end' in event) break
      else if (!('root' in event || 'before' in event))
        write(STDERR, show === undefined ? `${JSON.stringify(event)}\n` : tell(event, steps, show))
  })()
  return async () => {
    await client.post(`/glasspod/trace/${token}/end`)
    await pump
    if (format !== 'mermaid') return
    const mark = (index: number, inner?: number) => {
      const outcome = steps.outcomes.get(`${index + 1}${inner === undefined ? '' : `.${inner + 1}`}`)
      return outcome === undefined ? '' : outcome.ok ? '✔ ' : '✘ '
    }
    write(STDERR, `${formatMermaid(steps.all, mark)}\n`)
  }
}

type Agent = () => Promise<Client>

/** For a verb that is to be told: its way to the agent, and what is to be done when it is over. */
export const followVerb = (format: ExplainFormat, agent: Agent): { agent: Agent; end: () => Promise<void> } => {
  let end: () => Promise<void> = () => Promise.resolve()
  return {
    agent: async () => {
      const client = await agent()
      const token = randomUUID()
      const ended = await follow(client, token, format)
      client.trace = token
      end = async () => {
        client.trace = undefined
        await ended()
      }
      return client
    },
    end: () => end(),
  }
}
