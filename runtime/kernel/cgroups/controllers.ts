/**
 * Who has a controller that is missing here (cgroups(7)): version 1 holds it for the whole machine, the kernel was
 * started without it, or some directory between the root and ours does not hand it down.
 */
import { readFileSync } from 'node:fs'
import { quoteWord } from '../../spec/shell-words.ts'
import { parseWords, readText } from './files.ts'

const CONTROLLERS = 'cgroup.controllers'
const SUBTREE = 'cgroup.subtree_control'

/** The controllers that a directory hands down: those that limits of the directories in it can have. */
export const readHandedDown = (directory: string): string[] => parseWords(readText(`${directory}/${SUBTREE}`))

export interface CgroupMounts {
  /** Mount points of version 1 by their controllers. */
  version1: { mountPoint: string; controllers: string[] }[]
  version2: string[]
}

const unescape = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** The text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export const parseCgroupMounts = (mountinfo: string): CgroupMounts => {
  const mounts: CgroupMounts = { version1: [], version2: [] }
  for (const line of mountinfo.split('\n')) {
    const [front = '', back = ''] = line.split(' - ')
    const mountPoint = unescape(front.split(' ')[4] ?? '')
    const [type, , options = ''] = back.split(' ')
    if (type === 'cgroup') mounts.version1.push({ mountPoint, controllers: options.split(',') })
    if (type === 'cgroup2') mounts.version2.push(mountPoint)
  }
  return mounts
}

/** Directories from the mount point down to this one, both included; only this one where no mount is above it. */
export const listAncestors = (directory: string, mountPoints: readonly string[]): string[] => {
  const [root] = mountPoints
    .filter((mountPoint) => directory === mountPoint || directory.startsWith(`${mountPoint}/`))
    .sort((a, b) => b.length - a.length)
  if (root === undefined) return [directory]
  const names = directory.slice(root.length).split('/').filter(Boolean)
  return [root, ...names.map((_, index) => [root, ...names.slice(0, index + 1)].join('/'))]
}

export interface Lack {
  found: string
  try: string
}

export interface LackFacts {
  controller: string
  mounts: CgroupMounts
  /** Texts of /proc/cgroups and /proc/self/cgroup. */
  cgroups: string
  own: string
  /** From the mount point down to ours. */
  chain: readonly { directory: string; available: readonly string[]; handedDown: readonly string[] }[]
}

/** The name that version 1 has for it. */
const versionOne = (controller: string): string => (controller === 'io' ? 'blkio' : controller)

/** With systemd, for all users. */
export const DELEGATE =
  'sudo mkdir -p /etc/systemd/system/user@.service.d && ' +
  "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | " +
  'sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload && glasspod agent stop' +
  '  # then log in anew'

/** A word more on the command line of the kernel, by GRUB. */
export const bootWith = (word: string): string =>
  `sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&${word} /' /etc/default/grub && sudo update-grub && sudo reboot`

/** `cgroup_no_v1=all` does the same where systemd is not asked. */
export const BOOT_WITH_VERSION_2 = `${bootWith('systemd.unified_cgroup_hierarchy=1')}  # or run in the VM: scripts/vm up`

/** Pure: why a limit of this controller cannot be had in the last directory of the chain. */
export const describeLack = ({ controller, mounts, cgroups, own, chain }: LackFacts): Lack => {
  const name = versionOne(controller)
  const holder = mounts.version1.find(({ controllers }) => controllers.includes(name))
  const bound = own.split('\n').some((line) => line.split(':')[1]?.split(',').includes(name))
  if (holder !== undefined || bound)
    return {
      found: `the ${controller} controller is bound to cgroup v1 on this machine${holder === undefined ? '' : `: ${holder.mountPoint}`}`,
      try: BOOT_WITH_VERSION_2,
    }
  if (new RegExp(`^${name}\\s+\\d+\\s+\\d+\\s+0$`, 'm').test(cgroups))
    return {
      found: `the ${controller} controller is switched off: the last column of /proc/cgroups is 0`,
      try: `cat /proc/cmdline  # boot without cgroup_disable=${controller}; on a Raspberry Pi with cgroup_enable=${controller}`,
    }
  const lacking = chain.find(
    ({ available, handedDown }) => !available.includes(controller) || !handedDown.includes(controller),
  )
  if (lacking === undefined || !lacking.available.includes(controller))
    return {
      found: `${lacking?.directory ?? 'the cgroup filesystem'}/${CONTROLLERS} has no ${controller}`,
      try: 'uname -r  # a kernel that is built with this controller',
    }
  const file = `${lacking.directory}/${SUBTREE}`
  const ours = chain.findIndex(({ directory }) => /\/user@\d+\.service$/.test(directory))
  return {
    found: `the ${controller} controller is not delegated to this user: ${file} lacks it`,
    try: ours > chain.indexOf(lacking) ? DELEGATE : `echo +${controller} | sudo tee ${quoteWord(file)}`,
  }
}

/** `directory`: where the limit would be handed down from. */
export const readLack = (controller: string, directory: string): Lack => {
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  return describeLack({
    controller,
    mounts,
    cgroups: readText('/proc/cgroups') ?? '',
    own: readText('/proc/self/cgroup') ?? '',
    chain: listAncestors(directory, mounts.version2).map((path) => ({
      directory: path,
      available: parseWords(readText(`${path}/${CONTROLLERS}`)),
      handedDown: readHandedDown(path),
    })),
  })
}
