/** Whether a file can be executed by this process (access(2)). */
import { accessSync, constants } from 'node:fs'

export const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
