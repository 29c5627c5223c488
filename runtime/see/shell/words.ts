/** Words of a POSIX shell: values that come from a plan, safe to paste, with its long paths under short names. */
import { quoteWord } from '../../spec/shell-words.ts'

/** A path of the plan, and the variable that stands for it in the script. */
export interface Place {
  path: string
  variable: string
}

/** Inside double quotes these four mean something (POSIX 2.2.3). */
const escapeDoubly = (text: string): string => text.replace(/[\\"`$]/g, '\\$&')

export type Quote = (text: string) => string

/** The longest path first: one may be the beginning of another. */
export const makeQuote = (places: readonly Place[] = []): Quote => {
  const known = places.toSorted((a, b) => b.path.length - a.path.length)
  const find = (text: string): Place | undefined => known.find(({ path }) => text.includes(path))
  const within = (text: string): string => {
    const place = find(text)
    if (place === undefined) return escapeDoubly(text)
    const [before = '', ...after] = text.split(place.path)
    return `${within(before)}\${${place.variable}}${within(after.join(place.path))}`
  }
  return (text) => {
    return find(text) === undefined ? quoteWord(text) : `"${within(text)}"`
  }
}

/** A sentence as comment lines of at most 100 columns. */
export const comment = (text: string, indent = ''): string[] => {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && `${indent}# ${last} ${word}`.length <= 100) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => `${indent}# ${line}`)
}
