/**
 * The main job, end to end: an image from a registry, a pod of two containers on a bridge, a second pod that reaches
 * it. Started by scripts/demo, which does the set-up.
 */
import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import { chalk } from 'zx'
import { makeGlasspod, type Glasspod } from './demo-steps/commands.ts'
import { PODS, pullImage, runNeighbour, runWebPod, sayWhatToTry, serveImage, showAll } from './demo-steps/show.ts'
import { DemoFailure, Stage } from './demo-steps/stage.ts'

const USAGE = `usage: scripts/demo [--keep] [--root DIR]

  --keep        leave the pods running, and say what to try on them
  --root DIR    a root directory of its own (by default yours, as for glasspod itself)
`

const readOptions = () => {
  try {
    return parseArgs({
      options: { keep: { type: 'boolean' }, root: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }).values
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(125)
  }
}

/** The names are fixed, so that what is printed reads well; pods of these names are not ours to remove. */
const refuseTaken = async (glasspod: Glasspod): Promise<void> => {
  const pods = await glasspod.json<{ Name: string }[]>('pod', 'ps')
  const taken = PODS.filter((name) => pods.some(({ Name }) => Name === name))
  if (taken.length === 0) return
  throw new DemoFailure(
    `error: pods called ${taken.join(' and ')} are there already\n try    after demo --keep: bin/glasspod pod rm -f ${taken.join(' ')}`,
  )
}

/** Said before it is done, so that a Ctrl-C in the middle finds it. */
const removeAtEnd = (stage: Stage, glasspod: Glasspod): void => {
  for (const name of PODS) stage.atEnd(() => glasspod.tryTo('pod', 'rm', '-f', name))
}

const play = async (stage: Stage, glasspod: Glasspod, { keep, root }: { keep: boolean; root: string | undefined }) => {
  const agentRan = await glasspod.tryTo('agent', 'status')
  if (agentRan) await refuseTaken(glasspod)
  const image = await serveImage(stage)
  const pods = new Stage()
  // an agent that served others before goes on doing so
  if (!agentRan) pods.atEnd(() => glasspod.tryTo('agent', 'stop'))
  stage.atEnd(() => pods.end())
  await pullImage(stage, glasspod, image)
  if (!agentRan) await refuseTaken(glasspod)
  removeAtEnd(pods, glasspod)
  await runWebPod(stage, glasspod, image)
  await runNeighbour(stage, glasspod, image)
  await showAll(stage, glasspod)
  if (keep) {
    sayWhatToTry(stage, root)
    pods.forget()
    return
  }
  stage.heading('The end', 'The pods are removed and the agent ends; the image stays in the store.')
  await pods.end()
  const left = agentRan ? await glasspod.json<unknown[]>('pod', 'ps') : []
  if (left.length > 0) stage.say(`   ${left.length} other pods run on`)
}

const options = readOptions()
if (options.help === true) {
  console.log(USAGE)
  process.exit(0)
}
if ((process.env['NO_COLOR'] ?? '') !== '') chalk.level = 0
const root = options.root === undefined ? undefined : resolve(options.root)
const stage = new Stage()
stage.endOnSignals()
try {
  await play(stage, makeGlasspod(stage, root), { keep: options.keep === true, root })
  await stage.end()
  if (process.exitCode === undefined) stage.say(`\n${chalk.green('done')} in ${stage.seconds()}`)
} catch (error) {
  // a Ctrl-C makes what was under way fail; the clean-up has said so, and ends the process
  if (!stage.isEnding) {
    process.exitCode = 1
    console.error(`\n${error instanceof DemoFailure ? error.message : ((error as Error).stack ?? String(error))}`)
  }
  await stage.end()
}
