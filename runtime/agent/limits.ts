/** What of this host limits are asked of, and the check before anything is made that they will hold. */
import { existsSync, readlinkSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import { readText } from '../kernel/cgroups/files.ts'
import { checkLimits } from '../kernel/cgroups/limits.ts'
import { planLimits } from '../plan/limits.ts'
import type { Limits } from '../spec/limits.ts'
import type { OciResources } from '../spec/oci.ts'
import { planResources, type HostResources } from '../spec/resources.ts'
import type { Node } from './node.ts'
import type { PodRecord } from './records.ts'

const refuseDevice = (path: string, found: string, advice: string): Failure =>
  new Failure(`${path} cannot be limited`, {
    id: 'io.device',
    why: 'io.max holds for a whole block device, by its number',
    found,
    try: advice,
    see: 'lsblk(8)',
    exitCode: 125,
    status: 400,
  })

/** The numbers in a device's stat(2), as makedev(3) puts them together. */
export const splitDevice = (rdev: number): { major: number; minor: number } => {
  const device = BigInt(rdev)
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  }
}

/** Numbers of a disk. Failure `io.device`: there is none, it is none, or it is a partition, which io.max does not take. */
export const resolveDevice = (path: string): { major: number; minor: number } => {
  let rdev: number
  try {
    const stat = statSync(path)
    if (!stat.isBlockDevice()) throw refuseDevice(path, 'it is not a block device', 'lsblk shows those that there are')
    rdev = stat.rdev
  } catch (error) {
    if (error instanceof Failure) throw error
    throw refuseDevice(path, errnoOf(error) ?? String(error), 'lsblk shows those that there are')
  }
  const { major, minor } = splitDevice(rdev)
  const sysfs = `/sys/dev/block/${major}:${minor}`
  if (!existsSync(`${sysfs}/partition`)) return { major, minor }
  const disk = basename(dirname(readlinkSync(sysfs)))
  throw refuseDevice(path, `it is a partition of /dev/${disk}`, `/dev/${disk}`)
}

/** A container in a pod has of the processors what the pod has. */
export const hostResources = (node: Node, pod?: Pick<PodRecord, 'limits'>): HostResources => ({
  cpus: node.cpus,
  sets: {
    cpus: pod?.limits?.CpusetCpus ?? readText(`${node.cgroup}/cpuset.cpus.effective`),
    mems: pod?.limits?.CpusetMems ?? readText(`${node.cgroup}/cpuset.mems.effective`),
  },
  countsSwap: existsSync(`${node.cgroup}/supervisor/memory.swap.max`),
  device: resolveDevice,
})

/** Failure in Docker's words for what cannot be meant; `cgroups.CONTROLLER` or `cgroups.FILE` for what cannot be had. */
export const requireLimits = (node: Node, limits: Limits, pod?: Pick<PodRecord, 'limits'>): OciResources => {
  const resources = planResources(limits, hostResources(node, pod))
  checkLimits(node.cgroup, planLimits(resources), node.holder?.cgroupReason)
  return resources
}
