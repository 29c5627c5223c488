/**
 * A command with lines that are wider than the screen, in lines that a shell reads as the same: the terminal would break them
 * in the midst of a word. A backslash ends a line that goes on (sh(1)); in single quotes it would be one of the text, unless
 * that is a script for another shell. A text of nft(8) or jq(1) may have a new line where it has `;` or `|`.
 */
const CONTINUED = ' \\'

interface Break {
  /** Of the space at which the line may end. */
  at: number
  /** What stands there instead of the space. */
  end: string
  /** Behind `;`, `&&` or `|`: here a reader breathes, too. */
  isPause: boolean
}

/** What is in quotes behind it is a script. */
const SHELL = /\bsh -c $/

const listBreaks = (command: string): Break[] => {
  const breaks: Break[] = []
  let quoted: 'no' | 'text' | 'script' = 'no'
  let begin = 0
  for (let at = 0; at < command.length; at += 1) {
    const before = command.slice(begin, at)
    if (command[at] === '\n') begin = at + 1
    if (command[at] === "'") quoted = quoted !== 'no' ? 'no' : SHELL.test(before) ? 'script' : 'text'
    if (command[at] !== ' ' || before.trim() === '') continue
    const isPause = /[;&|]$/.test(before)
    if (quoted !== 'text') breaks.push({ at, end: CONTINUED, isPause })
    else if (isPause) breaks.push({ at, end: '', isPause })
  }
  return breaks
}

/** As late as can be, but rather where the reader breathes, if that is not far before. */
const chooseBreak = (breaks: readonly Break[], begin: number, width: number): Break | undefined => {
  const ahead = breaks.filter(({ at }) => at > begin)
  const fitting = ahead.filter(({ at, end }) => at - begin + end.length <= width)
  const pause = fitting.findLast(({ isPause }) => isPause)
  return pause !== undefined && pause.at - begin > width / 2 ? pause : (fitting.at(-1) ?? ahead[0])
}

/** `width`: of the lines; a word that is wider stays whole. */
export const breakCommand = (command: string, width: number): string[] => {
  const breaks = listBreaks(command)
  const lines: string[] = []
  let begin = 0
  while (begin <= command.length) {
    const newline = command.indexOf('\n', begin)
    const end = newline < 0 ? command.length : newline
    const found =
      end - begin <= width
        ? undefined
        : chooseBreak(
            breaks.filter(({ at }) => at < end),
            begin,
            width,
          )
    lines.push(found === undefined ? command.slice(begin, end) : command.slice(begin, found.at) + found.end)
    begin = (found?.at ?? end) + 1
  }
  return lines
}
