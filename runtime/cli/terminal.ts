/** This side of `-t`: the caller's terminal in raw mode, its size, and what goes back to it at the end. */
import { Failure } from '../errors.ts'
import { makeDetachKeys } from './detach-keys.ts'

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const

export type SignalName = keyof typeof SIGNALS
export const FORWARDED = Object.keys(SIGNALS) as SignalName[]

/** docker's message, for docker's condition. */
export const assertTerminal = ({ tty, interactive }: { tty: boolean; interactive: boolean }): void => {
  if (tty && interactive && !process.stdin.isTTY) {
    throw new Failure('the input device is not a TTY', {
      id: 'cli.tty',
      why: '-t with -i gives the container your terminal, and standard input is none here',
      try: '-i alone',
    })
  }
}

const findTerminal = () => [process.stdout, process.stderr].find(({ isTTY }) => isTTY)

/** Rows and columns; undefined without a terminal, or where it does not know its size and says 0. */
export const readSize = (): [number, number] | undefined => {
  const output = findTerminal()
  return output === undefined || output.rows <= 0 || output.columns <= 0 ? undefined : [output.rows, output.columns]
}

/** Every key goes to the container. Whichever way this process ends, the terminal is as before. */
export const enterRawMode = async (): Promise<() => void> => {
  const { stty } = await import('./stty.ts')
  const before = stty('-g')
  const restore = () => {
    process.stdin.setRawMode(false)
    if (before !== '') stty(before)
  }
  process.stdin.setRawMode(true)
  stty('raw', '-echo')
  process.on('exit', restore)
  const ends = FORWARDED.map((name) => {
    const end = () => process.exit(128 + SIGNALS[name])
    process.on(name, end)
    return () => process.off(name, end)
  })
  return () => {
    for (const remove of ends) remove()
    process.off('exit', restore)
    restore()
  }
}

/**
 * Tells the size whenever the window changes (SIGWINCH), and when the returned function is called. One at a time: two
 * requests at once may be answered in either order, and the older size would stay.
 */
export const followSize = (resize: (size: { h: number; w: number }) => Promise<unknown>): (() => void) => {
  let telling = false
  let changed = false
  const tell = async () => {
    changed = true
    if (telling) return
    telling = true
    while (changed) {
      changed = false
      const size = readSize()
      // a container that has just ended cannot be resized, and need not
      if (size !== undefined) await resize({ h: size[0], w: size[1] }).catch(() => undefined)
    }
    telling = false
  }
  findTerminal()?.on('resize', () => void tell())
  return () => void tell()
}

/** Standard input to the container; its end is passed on by closing this half of the connection. */
export const feedStdin = (sink: NodeJS.WritableStream, onDetach?: () => void): void => {
  const input = process.stdin
  if (onDetach === undefined) {
    input.pipe(sink)
    return
  }
  const filter = makeDetachKeys()
  input.on('data', (typed: Buffer) => {
    const { pass, detach } = filter(typed)
    if (detach) return onDetach()
    if (pass.length > 0 && !sink.write(pass)) {
      input.pause()
      sink.once('drain', () => input.resume())
    }
  })
  input.on('end', () => sink.end())
}
