/** Stopping all of a cgroup where it is, and letting it go on (cgroups(7); cgroup-v2.rst, cgroup.freeze). */
import { parseFlat, readText, writeText } from './files.ts'

const FREEZE = 'cgroup.freeze'
const EVENTS = 'cgroup.events'

/** Asks for it. The kernel stops each task on its way back to user mode: isFrozen says when all are. */
export const writeFreeze = (directory: string, frozen: boolean): void =>
  writeText(`${directory}/${FREEZE}`, frozen ? '1' : '0')

/** Whether it was asked for, of this directory and not of one above it. */
export const isFreezing = (directory: string): boolean => readText(`${directory}/${FREEZE}`) === '1'

/** Whether every task in it has stopped; undefined where the directory is gone. */
export const isFrozen = (directory: string): boolean | undefined => {
  const { frozen } = parseFlat(readText(`${directory}/${EVENTS}`))
  return frozen === undefined ? undefined : frozen === 1
}
