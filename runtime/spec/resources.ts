/** Docker's limits to `linux.resources` of config.json, with what must be known of the host for it. Pure. */
import { planBlockIo, type ResolveDevice } from './block-io.ts'
import { planUnified } from './cgroup-conf.ts'
import { planCpu, planPids } from './cpus.ts'
import { planCpuset, type AvailableSets } from './cpuset.ts'
import type { Limits } from './limits.ts'
import { planMemory } from './memory-size.ts'
import type { OciResources } from './oci.ts'

export interface HostResources {
  /** Processors of this machine. */
  cpus: number
  sets: AvailableSets
  /** Whether memory.swap.max is there: not with CONFIG_SWAP=n or swapaccount=0. */
  countsSwap: boolean
  device: ResolveDevice
}

const isEmpty = (part: object | undefined): boolean => part === undefined || Object.keys(part).length === 0

/** Failures in the words of Docker, exit 125: all that can be wrong without asking the kernel. */
export const planResources = (limits: Limits, host: HostResources): OciResources => {
  const parts = {
    memory: planMemory(limits, host.countsSwap),
    cpu: { ...planCpu(limits, host.cpus), ...planCpuset(limits, host.sets) },
    pids: planPids(limits),
    blockIO: planBlockIo(limits, host.device),
    unified: planUnified(limits.CgroupConf),
  }
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => !isEmpty(part)))
}
