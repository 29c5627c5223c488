/**
 * Whether all of a cgroup is stopped where it is (cgroups(7); cgroup-v2.rst, cgroup.freeze). The kernel stops each task on
 * its way back to user mode: one file says what was asked for, another when it is done.
 */
import { parseFlat, readText } from './files.ts'

const FREEZE = 'cgroup.freeze'
const EVENTS = 'cgroup.events'

/** Whether it was asked for, of this directory and not of one above it. */
export const isFreezing = (directory: string): boolean => readText(`${directory}/${FREEZE}`) === '1'

/** Whether every task in it has stopped; undefined where the directory is gone. */
export const isFrozen = (directory: string): boolean | undefined => {
  const { frozen } = parseFlat(readText(`${directory}/${EVENTS}`))
  return frozen === undefined ? undefined : frozen === 1
}
