/** Plays one level: shows each step, runs it, looks at the kernel, and takes everything back at the end. */
import { setTimeout as pause } from 'node:timers/promises'
import { chalk } from 'zx'
import { until } from '../../test/fixtures/glasspod-until.ts'
import { askLine, Stopped } from './ask.ts'
import type { Language, Level, Step, Text, Witness } from './level.ts'
import { SAY, say, sayCommand, sayFact, sayFault, sayHeading, sayLeft, sayOutput, sayText, sayToCopy } from './say.ts'
import type { Ended, Shell } from './shell.ts'
import { SECOND_TERMINAL } from './stage.ts'
import { makeWitness } from './witness.ts'

/** How fast: who reads presses keys, a talk has pauses, a test has neither. */
export type Speed = 'interactive' | 'auto' | 'ci'

export interface Player {
  shell: Shell
  directory: string
  language: Language
  speed: Speed
}

const AUTO_MS = 2500
const CHECK_MS = 5000

const ask = async (prompt: string): Promise<string> => {
  const answer = await askLine(chalk.dim(`${prompt} › `))
  // the second is what a shell is left by
  if (answer === 'q' || answer === 'exit') throw new Stopped()
  return answer
}

/** What is to be run: the step's command, another one, or nothing. */
const choose = async ({ run }: Step, { speed, language }: Player, prompt: Text): Promise<string | undefined> => {
  if (speed === 'auto') await pause(AUTO_MS)
  if (speed !== 'interactive') return run
  const answer = await ask(prompt[language])
  return answer === '' ? run : answer === 's' ? undefined : answer
}

/** A program that was started in the background takes a moment to be what it is to become. */
const holds = ({ check, fact }: Step, witness: Witness): Promise<boolean> =>
  until(fact.en, () => check(witness), CHECK_MS).catch(() => false)

const isRight = async (step: Step, ended: Ended, player: Player): Promise<boolean> => {
  const { language } = player
  if (step.fails !== undefined && ended.exitCode === 0) {
    sayFault(SAY.didNotFail[language])
    return false
  }
  if (!(await holds(step, makeWitness(player.shell, player.directory, ended)))) {
    sayFault(step.nearly[language])
    return false
  }
  sayFact(step.fact[language])
  if (step.fails !== undefined) sayText(step.fails[language], '  ')
  return true
}

/** What the machine lacks for this step, if it lacks something. */
const findLack = async ({ needs }: Step, { shell, directory, language }: Player): Promise<string | undefined> => {
  const witness = makeWitness(shell, directory, { output: '', exitCode: 0 })
  return needs === undefined || (await needs.isThere(witness)) ? undefined : needs.name[language]
}

/** @returns whether the kernel shows what it should, or cannot here */
const playStep = async (step: Step, player: Player): Promise<boolean> => {
  const { language, speed, shell } = player
  say('')
  sayText(step.say[language])
  if (step.fails !== undefined) say(chalk.dim(`(${SAY.mustFail[language]})`))
  sayCommand(step.run)
  const lack = await findLack(step, player)
  if (lack !== undefined) {
    sayLeft(lack, language)
    return true
  }
  for (let prompt: Text = SAY.enter; ; prompt = SAY.again) {
    const command = await choose(step, player, prompt)
    if (command === undefined) return true
    const ended = await shell.run(command)
    sayOutput(ended.output)
    if (await isRight(step, ended, player)) return true
    if (speed !== 'interactive') return false
  }
}

const playQuestion = async ({ question: { ask: text, answer } }: Level, { language, speed }: Player): Promise<void> => {
  sayHeading(SAY.question[language])
  sayText(text[language])
  if (speed === 'interactive') await ask(SAY.goOn[language])
  if (speed === 'auto') await pause(2 * AUTO_MS)
  sayHeading(SAY.answer[language])
  sayText(answer[language])
}

/** @returns whether all checks held; the first that does not ends the level */
export const playLevel = async (level: Level, player: Player, watch: boolean): Promise<boolean> => {
  const { language, directory } = player
  sayHeading(`${level.id}  ${level.title[language]}`)
  sayText(level.concept[language])
  if (watch) {
    say('')
    say(SAY.watch[language])
    sayToCopy(`. ${directory}/${SECOND_TERMINAL}`)
    sayToCopy(level.watch)
  }
  for (const step of level.steps) if (!(await playStep(step, player))) return false
  await playQuestion(level, player)
  return true
}
