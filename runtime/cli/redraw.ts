/** A page that is drawn anew every second until a signal ends it: on the other screen of the terminal (console_codes(4), xterm's). */
import { isatty } from 'node:tty'
import { STDOUT, print, readColumns, write } from './output.ts'
import { widthOf } from './table.ts'

/** To the other screen, and the cursor away. */
const ENTER = '\x1b[?1049h\x1b[?25l'
/** What was on the terminal before is there again. */
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const INTERVAL_MS = 1000
/** As many as a terminal has where it does not know its size. */
const ROWS = 24

/** The rows that a terminal breaks it into. */
const heightOf = (line: string, columns: number): number => Math.max(1, Math.ceil(widthOf(line) / columns))

const countFitting = (lines: readonly string[], rows: number, columns: number): number => {
  let left = rows
  const end = lines.findIndex((line) => (left -= heightOf(line, columns)) < 0)
  return end < 0 ? lines.length : end
}

/** As many lines as there are rows for: more would scroll, and each page would leave its head above the next. */
export const cutPage = (text: string, rows: number, columns: number): string[] => {
  const lines = text.split('\n')
  if (countFitting(lines, rows, columns) === lines.length) return lines
  const shown = countFitting(lines, rows - 1, columns)
  const more = lines.length - shown
  return [...lines.slice(0, shown), `… ${more} more line${more === 1 ? '' : 's'}`]
}

/** Behind a letter in the last column nothing is cleared: that would take the letter. */
const clearBehind = (line: string, columns: number): string => {
  const width = widthOf(line)
  return width > 0 && width % columns === 0 ? line : line + CLEAR_LINE
}

const draw = (text: string): void => {
  const rows = process.stdout.rows || ROWS
  const columns = readColumns(STDOUT) ?? Infinity
  const lines = cutPage(text, rows, columns)
  const isFull = lines.reduce((height, line) => height + heightOf(line, columns), 0) >= rows
  // line over line, without clearing first: nothing flickers
  write(
    STDOUT,
    HOME + lines.map((line) => clearBehind(line, columns)).join('\r\n') + (isFull ? '' : `\r\n${CLEAR_BELOW}`),
  )
}

const every = async (show: (text: string) => void, read: () => Promise<string>): Promise<never> => {
  for (;;) {
    const next = Date.now() + INTERVAL_MS
    show(await read())
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())))
  }
}

/** In a pipe, and where no `page` is wanted, one below the other. Ends by an error of `read`, or by a signal. */
export const redraw = async (read: () => Promise<string>, page = true): Promise<never> => {
  if (!page || !isatty(STDOUT)) return every((text) => print(`${text}\n`), read)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
    process.once(signal, () => {
      write(STDOUT, LEAVE)
      // and now by it: who waits for us sees how we ended
      process.kill(process.pid, signal)
    })
  // Ctrl-Z: the shell, or what comes next in it, has its own screen
  process.on('SIGTSTP', () => {
    write(STDOUT, LEAVE)
    process.kill(process.pid, 'SIGSTOP')
  })
  process.on('SIGCONT', () => write(STDOUT, ENTER))
  write(STDOUT, ENTER)
  try {
    return await every(draw, read)
  } catch (error) {
    write(STDOUT, LEAVE)
    throw error
  }
}
