/** The stops of a stream of events, one by one: of a run as it goes on, or of one that was recorded. */
import type { TraceEvent } from '../api.ts'
import { Steps } from '../explain/steps.ts'
import type { Stop } from './stage.ts'

/** @param failed what is to be said of a step that could not be made. */
export async function* walkStops(
  events: AsyncIterable<TraceEvent> | Iterable<TraceEvent>,
  failed: (message: string) => void,
): AsyncGenerator<Stop> {
  const steps = new Steps()
  let process: string | undefined
  for await (const event of events) {
    if ('end' in event) return
    if ('steps' in event) steps.add(event.steps)
    else if ('failed' in event) failed(event.message)
    if (!('before' in event)) continue
    const found = steps.find(event.list, event.before, event.group)
    if (found === undefined) continue
    const entered = found.step.process === process ? undefined : found.step.process
    process = found.step.process
    yield { question: event, found, entered }
  }
}
