/** Learns the moment a monitor ends, by the named pipe that it holds open (plan/monitor.ts): no polling, no pid race. */
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { errnoOf } from '../errors.ts'

/** The reading end, if something holds the writing one. */
const openHeld = (fifo: string): number | undefined => {
  let descriptor: number
  try {
    descriptor = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    // Anything else (no descriptor left, say) does not mean that the monitor is gone.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENXIO') return undefined
    throw error
  }
  try {
    if (readSync(descriptor, Buffer.alloc(1)) !== 0) return descriptor
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return descriptor
  }
  closeSync(descriptor)
  return undefined
}

export const isHeld = (fifo: string): boolean => {
  const descriptor = openHeld(fifo)
  if (descriptor !== undefined) closeSync(descriptor)
  return descriptor !== undefined
}

/**
 * Resolves when nobody holds the pipe any more; at once if nobody does. The descriptor that was asked is the one that is
 * watched: a reader that opens a pipe without writers is never told of their end (fifo_open in fs/pipe.c).
 */
export const whenReleased = (fifo: string): Promise<void> =>
  new Promise((resolve) => {
    const fd = openHeld(fifo)
    if (fd === undefined) {
      resolve()
      return
    }
    const socket = new Socket({ fd, readable: true, writable: false })
    socket.once('close', () => resolve())
    socket.once('error', () => resolve())
    socket.resume()
  })
