/** The progress of a pull or push: one bar a layer on a terminal, one line a change in a pipe. */
import type { PullEvent } from './api.ts'
import { formatSize } from './human.ts'
import { STDERR, write } from './output.ts'
import { printable, truncate } from './table.ts'

const BAR = 20
const REDRAW_MS = 50

/** `4f4fb700ef54: Downloading  [========>           ]  4.1MB/9.8MB` */
export const formatProgress = ({ id, status = '', progressDetail: detail }: PullEvent): string => {
  const text = printable(id === undefined || id === '' ? status : `${id}: ${status}`)
  if (detail?.current === undefined) return text
  if (!detail.total) return `${text}  ${formatSize(detail.current)}`
  const filled = Math.round(Math.min(1, detail.current / detail.total) * BAR)
  const bar = (filled < BAR ? `${'='.repeat(filled)}>` : '='.repeat(BAR)).slice(0, BAR).padEnd(BAR)
  return `${text}  [${bar}]  ${formatSize(detail.current)}/${formatSize(detail.total)}`
}

/** Keeps a line for each layer, in the order of their first events. */
export const makeProgressLines = (): ((event: PullEvent) => string[]) => {
  const lines = new Map<string, string>()
  return (event) => {
    lines.set(event.id ?? `\0${lines.size}`, formatProgress(event))
    return [...lines.values()]
  }
}

/** On the way from the first byte of a layer to the last: not worth a line that stays. */
const PASSING = ['Waiting', 'Extracting', 'Preparing']

/** The line to write where nothing can be redrawn: a layer's begin and its end; undefined for what lies between. */
export const makeProgressChanges = (): ((event: PullEvent) => string | undefined) => {
  const states = new Map<string, string | undefined>()
  return ({ id, status }) => {
    if (id !== undefined && (states.get(id) === status || PASSING.includes(status ?? ''))) return undefined
    if (id !== undefined) states.set(id, status)
    return formatProgress({ ...(id === undefined ? {} : { id }), status: status ?? '' })
  }
}

export interface Screen {
  columns: number
  rows: number
}

/** Moves up over what was drawn and draws again; the last lines where the screen is lower than the list. */
export const formatRedraw = (lines: string[], drawn: number, { columns, rows }: Screen): string =>
  (drawn > 0 ? `\x1b[${drawn}A` : '') +
  lines
    .slice(-Math.max(1, rows - 1))
    .map((line) => `\x1b[2K${truncate(line, columns)}\n`)
    .join('')

export interface ProgressView {
  show(event: PullEvent): void
  finish(): void
}

export const QUIET: ProgressView = { show: () => undefined, finish: () => undefined }

/** On standard error, so that standard output is the result alone. */
export const openProgress = (screen: Screen | undefined): ProgressView => {
  if (screen === undefined) {
    const change = makeProgressChanges()
    const show = (event: PullEvent) => {
      const line = change(event)
      if (line !== undefined) write(STDERR, `${line}\n`)
    }
    return { show, finish: () => undefined }
  }
  const update = makeProgressLines()
  let lines: string[] = []
  let drawn = 0
  let drawnAt = 0
  let later: NodeJS.Timeout | undefined
  const draw = () => {
    clearTimeout(later)
    later = undefined
    write(STDERR, formatRedraw(lines, drawn, screen))
    drawn = Math.min(lines.length, Math.max(1, screen.rows - 1))
    drawnAt = Date.now()
  }
  const show = (event: PullEvent) => {
    lines = update(event)
    if (Date.now() - drawnAt >= REDRAW_MS) draw()
    // of a source that stalls, what it sent last is seen too
    else later ??= setTimeout(draw, REDRAW_MS)
  }
  return { show, finish: () => lines.length > 0 && draw() }
}
