/** The tutorials: `glasspod learn` starts this, as the user who is to play. */
import { parseArgs } from 'node:util'
import { chalk } from 'zx'
import { reportError } from '../runtime/cli/report.ts'
import { Stage } from './demo-steps/stage.ts'
import { Stopped } from './tutorials/ask.ts'
import { findGround } from './tutorials/ground.ts'
import { LANGUAGES, type Language, type Level, type Text } from './tutorials/level.ts'
import { LEVELS } from './tutorials/levels.ts'
import { playLevel, type Speed } from './tutorials/play.ts'
import { SAY, chooseLanguage, say, sayCommand, sayHeading, sayLeft } from './tutorials/say.ts'
import { makePlace } from './tutorials/stage.ts'

const NUMBER_OF_SIGNAL = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

const { values, positionals } = parseArgs({
  options: {
    auto: { type: 'boolean', default: false },
    ci: { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    lang: { type: 'string' },
  },
  allowPositionals: true,
})
const language: Language = LANGUAGES.find((known) => known === values.lang) ?? chooseLanguage(process.env)
const speed: Speed = values.ci ? 'ci' : values.auto ? 'auto' : 'interactive'

const listLevels = (): void => {
  sayHeading(SAY.levels[language])
  for (const { id, title } of LEVELS) say(`  ${id}  ${title[language]}`)
  say('')
  say(`${SAY.play[language]}: glasspod learn 00`)
}

/** Of the level that is played; whatever happens, what it has made is taken back. */
let stage = new Stage()

/** @returns that this is no fault */
const leaveOut = ({ id, title }: Level, need: Text): true => {
  sayHeading(`${id}  ${title[language]}`)
  sayLeft(need[language], language)
  return true
}

const play = async (level: Level): Promise<boolean> => {
  if (level.needs?.isThere() === false) return leaveOut(level, level.needs.name)
  const ground = level.cgroup === undefined ? undefined : findGround(process.env)
  if (level.cgroup === 'needed' && ground === undefined) return leaveOut(level, SAY.cgroup)
  if (level.image !== undefined) say(chalk.dim(`… ${SAY.image[language]}`))
  stage = new Stage()
  const { directory, shell } = await makePlace({ image: level.image, ground, language }, stage)
  const right = await playLevel(level, { directory, shell, language, speed }, values.watch)
  await stage.end()
  // set by what could not be taken back
  const clean = process.exitCode === undefined
  if (right && clean) say(`\n${chalk.green(SAY.done[language])}`)
  return right && clean
}

const leave = (exitCode: number): void => {
  if (stage.isEnding) return
  say(`\n${SAY.cleaning[language]}`)
  void stage.end().then(() => process.exit(exitCode))
}
for (const [name, number] of Object.entries(NUMBER_OF_SIGNAL)) process.on(name, () => leave(128 + number))
// a terminal that was closed takes no word any more (EIO), nor does a pipe that nobody reads (EPIPE)
process.stdout.on('error', () => leave(0))
process.stderr.on('error', () => undefined)

if ((process.env['NO_COLOR'] ?? '') !== '') chalk.level = 0
const unknown = positionals.find((word) => !LEVELS.some(({ id, name }) => id === word || name === word))
if (unknown !== undefined) {
  console.error(`error: there is no level ${unknown}\n try    glasspod learn, which lists them`)
  process.exit(125)
}
const wanted = LEVELS.filter(({ id, name }) => positionals.includes(id) || positionals.includes(name))
if (wanted.length === 0) listLevels()
try {
  for (const level of wanted) {
    if (!(await play(level))) {
      process.exitCode = 1
      break
    }
    const next = LEVELS[LEVELS.indexOf(level) + 1]
    if (next !== undefined && speed !== 'ci') {
      say(`${SAY.next[language]} ${next.id}  ${next.title[language]}`)
      sayCommand(`glasspod learn ${next.id}`)
    }
  }
} catch (error) {
  if (error instanceof Stopped) say(`\n${SAY.cleaning[language]}`)
  // what a signal has ended fails, and is no news
  else if (!stage.isEnding) process.exitCode = reportError(error, false)
} finally {
  await stage.end()
}
