/** The note that is kept of a holder in its runtime directory, for the agent and for later commands. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isAlive, type ProcessIdentity } from '../kernel/processes.ts'

export interface HolderNote extends ProcessIdentity {
  /** The node's cgroup directory; null: there is none, for that reason. */
  cgroup: string | null
  cgroupReason?: string | undefined
  /** Controllers of limits that cannot be had here. */
  missingControllers: string[]
  /** Ids 0 to mappedIds - 1 exist in the node. */
  mappedIds: number
  /** What unshare(1) was told of the id map. */
  idMap: string[]
  warnings: string[]
}

export const noteFile = (runtimeDirectory: string): string => `${runtimeDirectory}/holder.json`

export const readHolder = (runtimeDirectory: string): HolderNote | undefined => {
  try {
    return JSON.parse(readFileSync(noteFile(runtimeDirectory), 'utf8')) as HolderNote
  } catch {
    return undefined
  }
}

export const readLivingHolder = (runtimeDirectory: string): HolderNote | undefined => {
  const note = readHolder(runtimeDirectory)
  return note !== undefined && isAlive(note) ? note : undefined
}

export const writeNote = (runtimeDirectory: string, note: HolderNote): void => {
  const file = noteFile(runtimeDirectory)
  writeFileSync(`${file}.tmp`, JSON.stringify(note), { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
}
