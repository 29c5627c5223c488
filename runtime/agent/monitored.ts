/** What containers and execs have in common: files of a monitor, an end that can be waited for, input, a terminal. */
import { closeSync, constants, openSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { Failure } from '../errors.ts'
import { launchProgram } from '../launch.ts'
import { ALIVE, EXIT, EXIT_RECORD, LOG, STDIN } from '../plan/monitor.ts'
import { planResize } from '../plan/terminal.ts'
import { whenReleased } from './alive.ts'
import type { Container } from './containers.ts'

export interface Ending {
  /** As a shell counts: 128 + n for signal n. Undefined: the monitor was killed, and nobody knows. */
  exitCode: number | undefined
  signal: number | undefined
  /** RFC 3339. */
  finishedAt: string
}

export const monitorFiles = (directory: string) => ({
  alive: `${directory}/${ALIVE}`,
  exit: `${directory}/${EXIT}`,
  log: `${directory}/${LOG}`,
  stdin: `${directory}/${STDIN}`,
})

/** Before a run: the record of the last one would be taken for this one's; the log goes on. */
export const prepareRun = (directory: string): void => {
  const files = monitorFiles(directory)
  rmSync(files.exit, { force: true })
  ensureFile(files.log)
}

/** The status of wait(2) and the time, as the monitor wrote them; undefined where it could not. */
export const readEnding = (directory: string): Ending | undefined => {
  let record: Buffer
  try {
    record = readFileSync(monitorFiles(directory).exit)
  } catch {
    return undefined
  }
  // Empty after a power failure: rename(2) may reach the disk before the bytes do.
  if (record.length < EXIT_RECORD) return undefined
  const status = record.readUInt32LE(0)
  const signal = status & 0x7f
  const seconds = Number(record.readBigInt64LE(8))
  const finishedAt = new Date(seconds * 1000 + Number(record.readBigInt64LE(16)) / 1e6).toISOString()
  return signal === 0
    ? { exitCode: (status >> 8) & 0xff, signal: undefined, finishedAt }
    : { exitCode: 128 + signal, signal, finishedAt }
}

export const whenEnded = async (directory: string): Promise<Ending> => {
  await whenReleased(monitorFiles(directory).alive)
  return readEnding(directory) ?? { exitCode: undefined, signal: undefined, finishedAt: new Date().toISOString() }
}

/** The writing end of the standard input of a running program; undefined when it reads none. */
export const openInput = (directory: string): Socket | undefined => {
  try {
    const fd = openSync(monitorFiles(directory).stdin, constants.O_WRONLY | constants.O_NONBLOCK)
    const socket = new Socket({ fd, readable: false, writable: true })
    socket.on('error', () => socket.destroy())
    return socket
  } catch {
    return undefined
  }
}

/** Lets the monitor go on that waits for the agent to hold the writing end (plan/monitor.ts planAwaitAgent). */
export const releaseInput = (status: Socket): void => void status.write('g')

/** What `rm` without force refuses. */
export const stillUp = ({ record, isRestarting }: Pick<Container, 'record' | 'isRestarting'>): Failure =>
  new Failure(`container ${record.name} is ${isRestarting ? 'restarting' : 'running'}`, {
    id: 'container.running',
    try: `glasspod stop ${record.name}, or rm -f`,
    status: 409,
    exitCode: 125,
  })

export const notRunning = (name: string): Failure =>
  new Failure(`container ${name} is not running`, {
    id: 'container.not-running',
    try: `glasspod start ${name}`,
    status: 409,
    exitCode: 125,
  })

let resizes = 0

export const resizeTerminal = async (
  monitor: number,
  size: { rows: number; columns: number },
  directory: string,
): Promise<void> => {
  await launchProgram({ prefix: [], calls: planResize(monitor, size), file: `${directory}/resize-${resizes++}` })
}

/** Makes the file if it is missing, and leaves what is in it: a follower can then be set on it. */
export const ensureFile = (path: string): void => closeSync(openSync(path, 'a', 0o600))
