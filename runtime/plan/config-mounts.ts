/** The mounts of a config.json, in two halves: opened before the root switch, attached after it. */
import type { Call } from '../init/call.ts'
import { planAttach, planBind, planFilesystem, type MountAttribute } from '../kernel/mounts.ts'
import type { OciMount } from '../spec/oci.ts'
import { Failure } from '../errors.ts'

export interface MountFacts {
  isDirectory: (path: string) => boolean
  /** The host's network namespace: a sysfs of our own is refused then (sysfs(5)), the host's is bound. */
  hostNetwork: boolean
}

const ATTRIBUTES: Record<string, MountAttribute> = {
  ro: 'RDONLY',
  nosuid: 'NOSUID',
  nodev: 'NODEV',
  noexec: 'NOEXEC',
}

const WHY: Record<string, string> = {
  proc: 'A new PID namespace needs its own /proc; the old one still lists the host.',
  sysfs: 'The devices of its own network namespace.',
  tmpfs: 'Memory as a filesystem, gone with the container.',
  mqueue: 'POSIX message queues of its own IPC namespace.',
  cgroup: 'Its own part of the cgroup tree, to read.',
}

const attributesOf = ({ options }: OciMount): MountAttribute[] =>
  options.flatMap((option) => (ATTRIBUTES[option] === undefined ? [] : [ATTRIBUTES[option]]))

const isBind = ({ type, options }: OciMount) => type === 'bind' || options.includes('bind') || options.includes('rbind')

/** Step name of a mount: 'proc', 'sys', 'volume.data'. */
const nameOf = (mount: OciMount): string => {
  const path = mount.destination.replace(/^\/+/, '').replace(/\/+/g, '.')
  return isBind(mount) ? `volume.${path}` : path
}

/** A destination has one mount, so its name in the program's memory is one: '#' and a number are in no other name. */
const memoryOf = (mount: OciMount, index: number): string => `${nameOf(mount)}#${index}`

/** /dev and /dev/pts are made by kernel/devices.ts. */
const planned = (mounts: readonly OciMount[]): OciMount[] => {
  for (const { destination } of mounts)
    if (destination === '/dev' || destination === '/dev/pts')
      throw new Failure(`nothing can be mounted at ${destination}: it is made for each container`, {
        id: 'mounts.dev',
        try: `a file or directory below /dev`,
        exitCode: 125,
        status: 400,
      })
  // The outer before the inner, which it would hide; sort is stable.
  const depth = ({ destination }: OciMount) => destination.split('/').length
  return mounts.toSorted((a, b) => depth(a) - depth(b))
}

const planOpen = (mount: OciMount, index: number, facts: MountFacts): Call[] => {
  const name = memoryOf(mount, index)
  const id = `mounts.${nameOf(mount)}`
  const attributes = attributesOf(mount)
  const why = WHY[mount.type] ?? ''
  if (isBind(mount))
    return planBind({
      name,
      id,
      source: mount.source,
      attributes,
      why: `${mount.source} of the host, at ${mount.destination}.`,
    })
  switch (mount.type) {
    case 'sysfs':
      return facts.hostNetwork
        ? planBind({
            name,
            id,
            source: '/sys',
            attributes: ['RDONLY', 'NOSUID', 'NODEV', 'NOEXEC'],
            why: 'The host’s /sys, read-only.',
          })
        : planFilesystem({ name, id, type: 'sysfs', attributes, why })
    case 'proc':
    case 'mqueue':
      return planFilesystem({ name, id, type: mount.type, attributes, why })
    case 'tmpfs':
      return planFilesystem({
        name,
        id,
        type: 'tmpfs',
        options: mount.options.filter((o) => o.includes('=')),
        attributes,
        why,
      })
    case 'cgroup':
      return planFilesystem({ name, id, type: 'cgroup2', attributes, why })
    default:
      throw new Failure(`mount ${mount.destination}: filesystem type ${mount.type} is not supported`, {
        id,
        try: 'use bind, tmpfs, proc, sysfs, mqueue or cgroup',
      })
  }
}

export const planOpenMounts = (mounts: readonly OciMount[], facts: MountFacts): Call[] =>
  planned(mounts).flatMap((mount, index) => planOpen(mount, index, facts))

/** What lies in /dev waits for it; the rest comes first. */
export const planAttachMounts = (
  mounts: readonly OciMount[],
  facts: MountFacts,
  when: 'before-dev' | 'after-dev',
): Call[] =>
  planned(mounts).flatMap((mount, index) => {
    const early = ['proc', 'sysfs', 'cgroup'].includes(mount.type) && !mount.destination.startsWith('/dev/')
    if (early !== (when === 'before-dev')) return []
    const kind = isBind(mount) && !facts.isDirectory(mount.source) ? 'file' : 'directory'
    return planAttach({
      name: memoryOf(mount, index),
      id: `mounts.${nameOf(mount)}`,
      destination: mount.destination,
      kind,
      strict: !isBind(mount) && early,
    })
  })
