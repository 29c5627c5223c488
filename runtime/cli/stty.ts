/**
 * stty(1) with our terminal. Node's setRawMode keeps the output's half cooked (OPOST stays), and the container's terminal
 * has done that work already. A file of its own, loaded where there is a terminal: node:child_process takes a millisecond.
 */
import { spawnSync } from 'node:child_process'

/** What it prints; nothing where it failed. */
export const stty = (...args: string[]): string => {
  const { stdout, status } = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}
