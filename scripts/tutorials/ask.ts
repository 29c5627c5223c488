/** What the reader types at the prompt of a level: a line; or he leaves, by Ctrl-D in peace, by Ctrl-C as by a signal. */
import { createInterface } from 'node:readline'

/** The reader wants to stop. */
export class Stopped extends Error {}

/** The terminal hands Ctrl-C and Ctrl-Z over as keys here: readline(3) has put it in raw mode. */
export const askLine = (prompt: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout })
    let isInterrupted = false
    lines.once('SIGINT', () => {
      isInterrupted = true
      lines.close()
      // whoever waits for an answer waits until the signal has ended this program
      process.kill(process.pid, 'SIGINT')
    })
    lines.on('SIGTSTP', () => {
      process.once('SIGCONT', () => {
        process.stdin.setRawMode(true)
        lines.prompt(true)
      })
      process.stdin.setRawMode(false)
      // the whole job, with whoever waits for this program: readline(3) would stop this one alone, and no shell would come
      process.kill(0, 'SIGTSTP')
    })
    // the terminal was closed (EIO)
    lines.once('error', () => reject(new Stopped()))
    lines.once('close', () => {
      if (!isInterrupted) reject(new Stopped())
    })
    lines.question(prompt, (answer) => {
      resolve(answer.trim())
      lines.close()
    })
  })
