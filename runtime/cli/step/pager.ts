/** More lines than a terminal has: a page at a time, by nothing but writing lines, so that it works anywhere. */
import { write } from '../output.ts'
import { readSize } from '../terminal.ts'
import type { Stage } from './stage.ts'

const ROWS = 24

/** False: there will be no more keys. In a pipe all lines at once. */
export const showPages = async (
  lines: readonly string[],
  { keys, out, view: { paint } }: Pick<Stage, 'keys' | 'out' | 'view'>,
): Promise<boolean> => {
  if (!keys.isTerminal) {
    write(out, `${lines.join('\n')}\n`)
    return true
  }
  for (let top = 0; ;) {
    // one row for the question
    const room = Math.max(1, (readSize()?.[0] ?? ROWS) - 1)
    const page = lines.slice(top, top + room)
    const isLast = top + room >= lines.length
    const question = `lines ${top + 1}-${top + page.length} of ${lines.length}   ${isLast ? '' : 'space next   '}${top > 0 ? 'b back   ' : ''}q to the step`
    write(out, `${page.join('\n')}\n${paint(2, question)}`)
    const key = await keys.next()
    write(out, `\r${' '.repeat(question.length)}\r`)
    if (key === undefined) return false
    if (key === 'q' || key === '\u001b') return true
    if (key === 'b' || key === 'k') top = Math.max(0, top - room)
    else if (!isLast) top += room
    else return true
  }
}
