/** What is pressed while a step waits: keys of a terminal, or lines of a pipe. */
import { FORWARDED } from '../terminal.ts'

export interface Keys {
  /** The next one; undefined when there will be none. Enter is `n`. */
  next: () => Promise<string | undefined>
  close: () => void
}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

const keysOf = (text: string, isTerminal: boolean): string[] => {
  if (!isTerminal) return text.split('\n').map((line) => (line.trim() === '' ? 'n' : line.trim()))
  return [...text].map((key) => (key === '\r' || key === '\n' ? 'n' : key === CTRL_C || key === CTRL_D ? 'q' : key))
}

export const openKeys = (input: NodeJS.ReadStream = process.stdin): Keys => {
  const isTerminal = input.isTTY
  const pressed: string[] = []
  const waiting: ((key: string | undefined) => void)[] = []
  let rest = ''
  let ended = false
  const take = (keys: string[]) => {
    for (const key of keys) {
      const asked = waiting.shift()
      if (asked === undefined) pressed.push(key)
      else asked(key)
    }
  }
  const onData = (chunk: Buffer) => {
    rest += chunk.toString()
    if (isTerminal) {
      const keys = keysOf(rest, true)
      rest = ''
      return take(keys)
    }
    const end = rest.lastIndexOf('\n')
    if (end < 0) return
    const keys = keysOf(rest.slice(0, end), false)
    rest = rest.slice(end + 1)
    take(keys)
  }
  const onEnd = () => {
    ended = true
    for (const asked of waiting.splice(0)) asked(undefined)
  }
  const restore = () => void (isTerminal && input.setRawMode(false))
  // Outside a raw terminal a signal ends the wait as the key would: what is made is taken back.
  const onSignal = () => take(['q'])
  process.once('exit', restore)
  for (const name of FORWARDED) process.on(name, onSignal)
  input.on('data', onData).on('end', onEnd).on('error', onEnd)
  return {
    next: () => {
      const key = pressed.shift()
      if (key !== undefined || ended) return Promise.resolve(key)
      // Raw only while a step waits: the command's own time has Ctrl-C as ever.
      if (isTerminal) input.setRawMode(true)
      return new Promise<string | undefined>((resolve) => waiting.push(resolve)).finally(restore)
    },
    close: () => {
      restore()
      process.off('exit', restore)
      for (const name of FORWARDED) process.off(name, onSignal)
      input.off('data', onData).off('end', onEnd).off('error', onEnd).pause()
      onEnd()
    },
  }
}
