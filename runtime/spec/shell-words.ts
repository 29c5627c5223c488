/** Words of a POSIX shell (Shell Command Language, 2.2 Quoting). */

const PLAIN = /^[\w@%+=:,./-]+$/

/** As it may be typed: a word that a shell would split or expand is quoted. */
export const quoteWord = (text: string): string => (PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** The same where names of variables are left for the shell to fill in. */
export const quoteAround = (text: string): string => (/^[\w@%+=:,./$-]+$/.test(text) ? text : quoteWord(text))

/** A quote that is not closed is no word. */
const WORD = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gsy
const QUOTED = /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs

const unquote = (word: string): string =>
  word.replace(QUOTED, (_, double?: string, single?: string, escaped?: string) =>
    double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? escaped ?? ''),
  )

/** The words that a shell would make of it, without expanding anything; undefined for a quote that is not closed. */
export const splitWords = (text: string): string[] | undefined => {
  const words: string[] = []
  for (let rest = text.trimStart(); rest !== '';) {
    WORD.lastIndex = 0
    const [word] = WORD.exec(rest) ?? []
    if (word === undefined) return undefined
    words.push(unquote(word))
    const after = rest.slice(word.length)
    rest = after.trimStart()
    if (rest === after && rest !== '') return undefined
  }
  return words
}
