/** What the tutorials say beside the levels' own texts, in every language, and how it looks on 80 columns. */
import { chalk } from 'zx'
import { breakCommand } from './command-lines.ts'
import type { Language, Text } from './level.ts'

export const SAY = {
  levels: { en: 'Levels', zh: '关卡' },
  play: { en: 'play one', zh: '开始一关' },
  enter: { en: 'Enter runs it; or type your own; s skips, q ends', zh: '回车执行；也可输入自己的命令；s 跳过，q 结束' },
  goOn: { en: 'Enter goes on', zh: '按回车继续' },
  again: {
    en: 'try again: Enter runs what is shown; or type your own; s goes on, q ends',
    zh: '再试一次：回车执行上面的命令；也可输入自己的命令；s 直接继续，q 结束',
  },
  mustFail: { en: 'this is meant to fail', zh: '这一步应当失败' },
  didNotFail: { en: 'it was expected to fail, and it did not', zh: '这一步本应失败，却成功了' },
  question: { en: 'A question', zh: '思考题' },
  answer: { en: 'The answer', zh: '答案' },
  watch: { en: 'In a second terminal:', zh: '在另一个终端里可以观察：' },
  left: { en: 'left out: it needs', zh: '跳过：需要' },
  cgroup: {
    en: 'a delegated cgroup (glasspod doctor cgroups.delegation)',
    zh: '委派给你的 cgroup（glasspod doctor cgroups.delegation）',
  },
  done: { en: 'Done, and all of it is taken back.', zh: '本关完成，一切都已清理。' },
  next: { en: 'next:', zh: '下一关：' },
  cleaning: { en: 'cleaning up', zh: '正在清理' },
  image: { en: 'an image for glasspod is made', zh: '正在为 glasspod 准备镜像' },
  leftover: { en: 'processes that did not end:', zh: '未能结束的进程：' },
} satisfies Record<string, Text>

/** By LC_ALL, LC_MESSAGES, LANG, in this order, as setlocale(3) has it. */
export const chooseLanguage = (env: NodeJS.ProcessEnv): Language => {
  const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find((value) => value !== undefined && value !== '')
  return /^zh/i.test(locale ?? '') ? 'zh' : 'en'
}

const COLUMNS = 78

/** East Asian letters and signs are two columns wide (Unicode Standard Annex 11, Wide and Fullwidth). */
const widthOf = (text: string): number =>
  [...text].reduce(
    (sum, letter) =>
      sum +
      (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(letter)
        ? 2
        : 1),
    0,
  )

/** Chinese may break between any two signs, but no closing one begins a line. */
const pieces = (text: string): string[] =>
  text.match(
    /[\u2e80-\u9fff\uff00-\uffef\u3000-\u303f“”‘’][，。；：、！？）」”’]*|[^\s\u2e80-\u9fff\uff00-\uffef\u3000-\u303f]+[，。；：、！？）」”’]*\s?|\s+/g,
  ) ?? []

export const wrapText = (text: string, indent = '', columns = COLUMNS): string[] =>
  text.split('\n').flatMap((paragraph) => {
    const lines: string[] = ['']
    for (const piece of pieces(paragraph)) {
      const last = lines[lines.length - 1] ?? ''
      if (last !== '' && widthOf(last + piece.trimEnd()) > columns - indent.length) lines.push(piece.trimStart())
      else lines[lines.length - 1] = last + piece
    }
    return lines.map((line) => `${indent}${line.trimEnd()}`)
  })

export const say = (text: string): void => console.log(text)
export const sayText = (text: string, indent = ''): void => wrapText(text, indent).forEach((line) => say(line))
export const sayHeading = (text: string): void => say(`\n${chalk.bold(text)}`)
/** With the prompts of sh(1): the second is that of a line which goes on with the one before. */
export const sayCommand = (command: string): void =>
  breakCommand(command, COLUMNS).forEach((line, index) => say(chalk.cyan(`${index === 0 ? '$' : '>'} ${line}`)))
/** For another terminal: in one line, however wide, because it is copied from there. */
export const sayToCopy = (command: string): void => say(chalk.cyan(`$ ${command}`))
export const sayFact = (text: string): void =>
  wrapText(text, '  ').forEach((line, index) => say(index === 0 ? `${chalk.green('✔')}${line.slice(1)}` : line))
export const sayFault = (text: string): void =>
  wrapText(text, '  ').forEach((line, index) => say(index === 0 ? `${chalk.red('✘')}${line.slice(1)}` : line))

export const sayLeft = (name: string, language: Language): void =>
  wrapText(`${SAY.left[language]} ${name}`, '  ').forEach((line, index) =>
    say(index === 0 ? `${chalk.yellow('–')}${line.slice(1)}` : line),
  )

const SHOWN = 14
const INDENT = '  '
const TERMINAL = 80

/** What is made for 80 columns, as explain is, gives of its longest padding what the indent takes. */
export const indentLine = (line: string): string => {
  const excess = widthOf(line) + INDENT.length - TERMINAL
  const paddings = [...line.matchAll(/ {3,}|─{3,}/g)].sort((one, other) => other[0].length - one[0].length)
  const [longest] = paddings
  if (longest === undefined || excess <= 0 || excess > INDENT.length) return `${INDENT}${line}`
  return `${INDENT}${line.slice(0, longest.index)}${line.slice(longest.index + excess)}`
}

/** Long output is shown in part: the screen has 24 lines. */
export const sayOutput = (output: string): void => {
  if (output === '') return
  const lines = output.split('\n')
  for (const line of lines.slice(0, SHOWN)) say(indentLine(line))
  if (lines.length > SHOWN) say(chalk.dim(`${INDENT}… ${lines.length - SHOWN}`))
}
