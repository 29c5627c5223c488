/** Words of a POSIX shell (Shell Command Language, 2.2 Quoting). */

const PLAIN = /^[\w@%+=:,./-]+$/

/** As it may be typed: a word that a shell would split or expand is quoted. */
export const quoteWord = (text: string): string => (PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
