/** A line, typed key by key while the terminal is raw. */
import { write } from '../output.ts'
import { ENTER, ERASE } from './keys.ts'
import type { Stage } from './stage.ts'

/** Tab completes a name. Undefined: there will be no more keys. Empty: not after all. */
export const readLine = async (
  { keys, out }: Pick<Stage, 'keys' | 'out'>,
  prompt: string,
  names: readonly string[],
): Promise<string | undefined> => {
  write(out, prompt)
  let text = ''
  const add = (more: string) => {
    text += more
    write(out, more)
  }
  for (;;) {
    const key = await keys.next()
    if (key === undefined || key === ENTER || key === '\u001b') {
      write(out, '\n')
      return key === ENTER ? text.trim() : key === undefined ? undefined : ''
    }
    if (key === ERASE) {
      if (text !== '') write(out, '\b \b')
      text = text.slice(0, -1)
    } else if (key === '\t') add(commonStart(names.filter((name) => name.startsWith(text))).slice(text.length))
    else if (key.length === 1 && key >= ' ') add(key)
  }
}

const commonStart = ([first = '', ...others]: readonly string[]): string =>
  others.reduce((start, name) => {
    let length = 0
    while (length < start.length && start[length] === name[length]) length++
    return start.slice(0, length)
  }, first)
