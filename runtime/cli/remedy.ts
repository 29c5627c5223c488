/** What a text tells to try, in a width: what stays to be pasted, and what is only read. */
import { wrap } from './help.ts'

/** Parts that stand for themselves: the quotes of a command may hold a semicolon. */
const ALTERNATIVE = /;(?= )(?=(?:[^']*'[^']*')*[^']*$)/
const QUOTED = /'[^']*'|"[^"]*"/g
/** A word of a shell, with its quotes and what is in them; a lone one is as it is. */
const WORD = /(?:'[^']*'|"[^"]*"|[^\s'"]|['"](?=[^'"]*$))+/g
/** `for good: echo ... | sudo tee ...`; a comma outside quotes is one of a sentence. */
const COMMAND = /^(?:[\w ]+: )?(?:sudo|echo|printf|unshare|sysctl|chcon|glasspod) [^,]*$/

/** A shell reads on after a backslash at the end of a line. */
const wrapCommand = (command: string, width: number): string[] => {
  const lines: string[] = []
  for (const word of command.match(WORD) ?? []) {
    const last = lines.at(-1)
    // two columns for the backslash, and two of a further line's indent
    if (last === undefined || last.length + 1 + word.length > width - 4) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.map((line, index) => `${index > 0 ? '  ' : ''}${line}${index < lines.length - 1 ? ' \\' : ''}`)
}

/** What is read behind a command: a comment of the shell, outside quotes. */
const COMMENT = /(?:^|\s+)# (?=(?:[^']*'[^']*')*[^']*$)(.*)$/

const wrapParts = (text: string, wrapPart: (part: string) => string[]): string[] =>
  text
    .split(ALTERNATIVE)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part, index, { length }) => wrapPart(index < length - 1 ? `${part};` : part))

/** What is for a shell as a whole, as the remedies of doctor are; its comment stands below it. */
export const wrapShell = (text: string, width: number): string[] => {
  if (text.length <= width) return [text]
  const [all, comment = ''] = COMMENT.exec(text) ?? ['']
  const commands = wrapParts(text.slice(0, text.length - all.length), (part) =>
    part.length <= width ? [part] : wrapCommand(part, width),
  )
  return [...commands, ...(comment === '' ? [] : wrap(comment, width - 2).map((line) => `# ${line}`))]
}

/** An alternative a line; none is broken in the midst of a word, and a command so that it can be pasted. */
export const wrapRemedy = (text: string, width: number): string[] => {
  if (text.length <= width) return [text]
  if (COMMENT.test(text)) return wrapShell(text, width)
  return wrapParts(text, (part) => {
    if (part.length <= width) return [part]
    return COMMAND.test(part.replaceAll(QUOTED, 'x')) ? wrapCommand(part, width) : wrap(part, width)
  })
}
