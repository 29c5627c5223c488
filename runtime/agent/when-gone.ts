/** Waits for the end of a process that is not our child, and is about to end. */
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, type ProcessIdentity } from '../kernel/processes.ts'

const STEP_MS = 2
const LIMIT_MS = 5000

/** False if it still lives after five seconds: there is no event to wait for but a pidfd, which Node cannot poll. */
export const whenGone = async (identity: ProcessIdentity): Promise<boolean> => {
  for (let waited = 0; isAlive(identity); waited += STEP_MS) {
    if (waited >= LIMIT_MS) return false
    await delay(STEP_MS)
  }
  return true
}
