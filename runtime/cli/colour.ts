/** Colours, only for a terminal, and only for those who want them (https://no-color.org). */
import { isatty } from 'node:tty'

export type Paint = (code: number, text: string) => string

export const isColourful = (fd: number, env: NodeJS.ProcessEnv = process.env): boolean =>
  (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && isatty(fd)

/** SGR codes: 1 bold, 2 dim, 31 to 36 the colours. */
export const makePaint = (colourful: boolean): Paint =>
  colourful ? (code, text) => `\x1b[${code}m${text}\x1b[0m` : (_code, text) => text
