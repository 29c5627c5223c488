/** Paths that would fill the screen, by names: the root directory, and the directories of one pod and one container. */
import { quoteWord } from '../../spec/shell-words.ts'

export interface Names {
  /** The text, shorter. */
  shorten: (text: string) => string
  /** `NAME=VALUE` of the names that came in with the last text, for who reads on. */
  news: () => string[]
}

const ID = '([0-9a-f]{64}|\\$[A-Z]+\\d*_ID)'

/** `$POD` is the first pod that is met, and no other is called so. @param directory the root directory, or '' */
export const makeNames = (directory: string): Names => {
  // in the quotes that such a path needs no shell would fill in a name
  const root = quoteWord(directory) === directory ? directory : ''
  const known = new Map<string, string>()
  const fresh: string[] = root === '' ? [] : [`ROOT=${root}`]
  const name = (variable: string, path: string): string => {
    const taken = known.get(variable)
    if (taken === undefined) {
      known.set(variable, path)
      fresh.push(`${variable}=${path}`)
    }
    return (taken ?? path) === path ? `$${variable}` : path
  }
  const directories = [
    { pattern: new RegExp(`\\$ROOT/pods/${ID}`, 'g'), variable: 'POD' },
    { pattern: new RegExp(`\\$ROOT/containers/${ID}`, 'g'), variable: 'CONTAINER' },
  ]
  return {
    shorten: (text) =>
      directories.reduce(
        (shorter, { pattern, variable }) => shorter.replace(pattern, (path) => name(variable, path)),
        root === '' ? text : text.replaceAll(root, '$ROOT'),
      ),
    news: () => fresh.splice(0),
  }
}
