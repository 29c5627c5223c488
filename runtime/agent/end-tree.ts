/** The end of a cgroup directory: all that is in it is killed and waited for, then it goes. */
import { existsSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { killAll, readTree, removeTree, type CgroupNode } from '../kernel/cgroups/leaf.ts'
import { readIdentity } from '../kernel/processes.ts'
import { whenGone } from './when-gone.ts'

const membersOf = ({ processes, children }: CgroupNode): number[] => [...processes, ...children.flatMap(membersOf)]

/** @throws {Failure} `cgroups.busy` when something in it does not end */
export const endTree = async (directory: string): Promise<void> => {
  if (!existsSync(directory)) return
  const members = membersOf(readTree(directory)).flatMap((pid) => readIdentity(pid) ?? [])
  killAll(directory)
  for (const identity of members) await whenGone(identity)
  if (removeTree(directory)) return
  throw new Failure(`remove ${directory}: busy`, {
    id: 'cgroups.busy',
    found: `pids ${membersOf(readTree(directory)).join(', ')}`,
    try: 'cat /proc/PID/stack as root: a process in state D waits for a device',
  })
}
