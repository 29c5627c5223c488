/** What is pressed while a step waits: keys of a terminal, or lines of a pipe. */
import { FORWARDED } from '../terminal.ts'

export interface Keys {
  /** Of a terminal: one key is one answer, and there is a screen to fill. */
  readonly isTerminal: boolean
  /**
   * The next one; undefined where there will be none: its end, Ctrl-C, a signal. `late` when none came within the
   * milliseconds.
   */
  next: (milliseconds?: number) => Promise<string | undefined>
  /** Until the next key is asked for, the terminal is as it was. */
  rest: () => void
  /** Nothing is read meanwhile, and what a terminal's keys signal is another's to hear. */
  lend: <T>(use: () => Promise<T>) => Promise<T>
  close: () => void
}

export const LATE = 'late'
/** So many keys are kept for later, and of a line so many letters; what is sent after them waits where it comes from. */
const MOST = 1000

export const ENTER = 'enter'
export const ERASE = '\u007f'

const NAMES: Record<string, string | undefined> = {
  '\r': ENTER,
  '\n': ENTER,
  '\b': ERASE,
  '\u0003': undefined, // Ctrl-C
  '\u0004': undefined, // Ctrl-D
  '\u001b[6~': ' ',
  '\u001b[B': 'j',
  '\u001b[5~': 'b',
  '\u001b[A': 'k',
}

// eslint-disable-next-line no-control-regex -- a key that sends more than one character begins with ESC
const KEY = /\x1b\[[\d;]*[A-Za-z~]|\x1bO.|[^]/gu

const nameKey = (typed: string): string | undefined => (typed in NAMES ? NAMES[typed] : typed)

const nameLine = (line: string): string => (line.trim() === '' ? ENTER : line.trim())

/** @param input undefined: nobody presses anything, and only a signal ends it. */
export const openKeys = (input: NodeJS.ReadStream | undefined): Keys => {
  const isTerminal = input?.isTTY === true
  const pressed: (string | undefined)[] = []
  let asked: ((key: string | undefined) => void) | undefined
  let rest = ''
  let ended = false
  let lent = false
  const take = (keys: readonly (string | undefined)[]) => {
    for (const key of keys) pressed.push(key)
    if (pressed.length > MOST) input?.pause()
    if (asked === undefined || pressed.length === 0) return
    const give = asked
    asked = undefined
    give(pressed.shift())
  }
  const onData = (chunk: Buffer) => {
    rest += chunk.toString()
    const end = isTerminal ? rest.length : rest.lastIndexOf('\n') + 1
    const typed = rest.slice(0, end)
    // a line that is longer is no key
    rest = rest.slice(end).slice(0, MOST)
    take(isTerminal ? (typed.match(KEY) ?? []).map(nameKey) : typed.split('\n').slice(0, -1).map(nameLine))
  }
  const onEnd = () => {
    ended = true
    asked?.(undefined)
    asked = undefined
  }
  const setRaw = (raw: boolean) => void (isTerminal && input?.setRawMode(raw))
  const restore = () => setRaw(false)
  // Outside a raw terminal a signal ends the wait as the key would: what is made is taken back.
  const onSignal = (name: NodeJS.Signals) => {
    if (lent && (name === 'SIGINT' || name === 'SIGQUIT')) return
    // what was typed ahead is no more of use
    pressed.length = 0
    take([undefined])
  }
  process.once('exit', restore)
  for (const name of FORWARDED) process.on(name, onSignal)
  input?.on('data', onData).on('end', onEnd).on('error', onEnd)
  return {
    isTerminal,
    next: (milliseconds) => {
      if (pressed.length > 0 || ended) return Promise.resolve(pressed.shift())
      input?.resume()
      // Raw only while a step waits: the command's own time has Ctrl-C as ever.
      setRaw(true)
      return new Promise((resolve) => {
        const timer = milliseconds === undefined ? undefined : setTimeout(() => take([LATE]), milliseconds)
        asked = (key) => {
          clearTimeout(timer)
          resolve(key)
        }
      })
    },
    rest: restore,
    lend: async (use) => {
      lent = true
      restore()
      input?.pause()
      try {
        return await use()
      } finally {
        lent = false
        input?.resume()
      }
    },
    close: () => {
      restore()
      process.off('exit', restore)
      for (const name of FORWARDED) process.off(name, onSignal)
      input?.off('data', onData).off('end', onEnd).off('error', onEnd).pause()
      onEnd()
    },
  }
}
