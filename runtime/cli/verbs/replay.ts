import { isColourful, makePaint } from '../colour.ts'
import { makeView } from '../explain/text.ts'
import { printError, readWidth, STDOUT, write } from '../output.ts'
import { openKeys } from '../step/keys.ts'
import { DEFAULT_SECONDS, parseSeconds } from '../step/options.ts'
import { makePlan } from '../step/plan.ts'
import { readRecording, type Recording } from '../step/recording.ts'
import type { Stage } from '../step/stage.ts'
import { stopAt } from '../step/stop.ts'
import { walkStops } from '../step/walk.ts'
import { defineVerb } from '../verb.ts'

const listIds = async ({ events }: Recording): Promise<string[]> => {
  const ids: string[] = []
  for await (const { found } of walkStops(events, () => undefined)) ids.push(found.step.id)
  return ids
}

/** False: somebody has left before its end. */
const play = async (recording: Recording, stage: Omit<Stage, 'plan'>): Promise<boolean> => {
  const plan = makePlan(() => listIds(recording))
  const full = Object.assign(stage, { plan: plan.ahead })
  let target: string | undefined
  for await (const stop of walkStops(recording.events, (message) => write(stage.out, `✘ ${message}\n`))) {
    const { id } = stop.found.step
    plan.pass(id)
    if (target !== undefined && target !== id) continue
    target = undefined
    const decision = await stopAt(stop, full)
    if (decision.go === 'leave') return false
    if (decision.go === 'to') target = decision.id
  }
  return true
}

export const verb = defineVerb({
  options: {
    auto: { type: 'optional', metavar: 'SECONDS', about: 'go on by itself, with so many seconds at each step (3)' },
  },
  operands: { usage: 'FILE', min: 1, max: 1 },
  example: 'glasspod replay --auto=5 talk.jsonl',
  async run({ options: { auto }, operands: [file = ''] }) {
    const seconds = auto === undefined || auto === '' ? DEFAULT_SECONDS : parseSeconds('--auto=', auto)
    const recording = readRecording(file)
    const { root, warnings = [] } = recording.events.find((event) => 'root' in event) ?? { root: '' }
    const keys = openKeys(auto !== undefined && !process.stdin.isTTY ? undefined : process.stdin)
    const view = makeView(makePaint(isColourful(STDOUT)), root, readWidth(STDOUT))
    write(STDOUT, `$ glasspod ${recording.command}\n`)
    for (const warning of warnings) write(STDOUT, `warning: ${warning}\n`)
    try {
      const seen = await play(recording, { keys, view, out: STDOUT, seconds, playing: auto !== undefined })
      if (seen && !recording.whole) printError('the recording ends here: who recorded it was killed')
    } finally {
      keys.close()
    }
  },
})
