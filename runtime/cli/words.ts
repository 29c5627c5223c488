/** Commands as a flag has them: a JSON array of words, or what a shell would split. */
import { splitWords } from '../spec/shell-words.ts'
import { badFlag } from './options.ts'

/** Undefined where it does not begin as an array. @param refuse what to throw where it is none */
export const parseList = (text: string, refuse: () => Error): string[] | undefined => {
  if (!text.startsWith('[')) return undefined
  let words: unknown
  try {
    words = JSON.parse(text)
  } catch {
    // below, with what is JSON but not words
  }
  if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  throw refuse()
}

/** `--cmd 'nginx -g "daemon off;"'`, `--cmd '["nginx", "-g", "daemon off;"]'`: no shell is needed in the image. */
export const parseCommand = (flag: string, text: string): string[] => {
  const hint = `--${flag} 'sh -c "echo hello"', or --${flag} '["sh", "-c", "echo hello"]'`
  const words = parseList(text, () => badFlag(`--${flag} ${text} is no JSON array of words`, hint)) ?? splitWords(text)
  if (words === undefined) throw badFlag(`--${flag} ${text} has a quote that is not closed`, hint)
  if (words.length === 0) throw badFlag(`--${flag} says nothing`, hint)
  return words
}
