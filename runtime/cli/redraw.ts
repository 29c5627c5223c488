/** A page that is drawn anew every second until a signal ends it: on the other screen of the terminal (console_codes(4), xterm's). */
import { isatty } from 'node:tty'
import { STDOUT, print, write } from './output.ts'

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

/** As many lines as there are rows: more would scroll, and each page would leave its head above the next. */
export const cutPage = (text: string, rows: number): string[] => {
  const lines = text.split('\n')
  return lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`]
}

const draw = (text: string): void => {
  const lines = cutPage(text, process.stdout.rows || ROWS)
  // line over line, without clearing first: nothing flickers
  write(STDOUT, HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW)
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
