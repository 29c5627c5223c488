/**
 * A shell beside the command that keeps the rights which the caller had, since root becomes another user on the way to
 * the agent. It does the rest when the word comes that all is there, and takes back what was begun when none comes: also
 * when the command was killed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { Failure } from '../../errors.ts'

/** `whole` is true once, and when everything was sent. */
const HEAD = `trap '' HUP INT TERM
whole() { read -r word <&3 && [ "$word" = whole ]; }
`

export interface Keeper {
  /** To its standard input. */
  send: (chunk: Uint8Array) => Promise<void>
  /** All is there. @throws Failure `cli.file` with what it said. */
  finish: () => Promise<void>
  giveUp: () => Promise<void>
}

/** @param about what its errors begin with. */
export const startKeeper = (about: string, script: string, words: readonly string[]): Keeper => {
  const child = spawn('sh', ['-c', HEAD + script, 'sh', ...words], {
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    detached: true,
  })
  const [data, , errors, control] = child.stdio as unknown as [Writable, null, Readable, Writable]
  for (const stream of [data, control]) stream.on('error', () => undefined)
  let said = ''
  errors.setEncoding('utf8').on('data', (text: string) => (said += text))
  const closed = once(child, 'close').catch(() => undefined)
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null || !data.writable
  const failure = (): Failure => {
    const [reason = ''] = said.trim().split('\n')
    const ending = child.signalCode ?? (child.exitCode === null ? 'sh cannot be started' : `exit ${child.exitCode}`)
    return new Failure(`${about}: ${reason === '' ? ending : reason}`, { id: 'cli.file', try: 'df -h' })
  }
  const end = async (word: string): Promise<void> => {
    data.end()
    control.end(word)
    await closed
  }
  return {
    send: async (chunk) => {
      if (!isGone() && data.write(chunk)) return
      if (!isGone()) await Promise.race([once(data, 'drain').catch(() => undefined), closed])
      if (!isGone()) return
      await closed
      throw failure()
    },
    finish: async () => {
      await end('whole\n')
      if (child.exitCode !== 0) throw failure()
    },
    giveUp: () => end(''),
  }
}
