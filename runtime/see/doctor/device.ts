/** Whether this user may open a device of the machine. */
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { errnoOf } from '../../errors.ts'
import type { Host } from './host.ts'

export interface DeviceFacts {
  device: string
  /** Of opening it; undefined: it opened. */
  errno: string | undefined
  /** Started by root, glasspod gives its node a device of its own where the machine has any. */
  ownDevice?: boolean
}

const isDevice = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() === true

export const readDevice = (device: string, { byRoot }: Pick<Host, 'byRoot'> = { byRoot: false }): DeviceFacts => {
  const ownDevice = byRoot && isDevice(device)
  try {
    closeSync(openSync(device, constants.O_RDWR))
    // a file in its place
    return { device, errno: isDevice(device) ? undefined : 'ENODEV', ownDevice }
  } catch (error) {
    return { device, errno: errnoOf(error) ?? String(error), ownDevice }
  }
}
