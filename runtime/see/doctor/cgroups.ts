/** Where a limit can be enforced (cgroups(7)): version 2, a directory of ours, and its controllers one by one. */
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  BOOT_WITH_VERSION_2,
  bootWith,
  DELEGATE,
  parseCgroupMounts,
  readHandedDown,
  readLack,
  type Lack,
} from '../../kernel/cgroups/controllers.ts'
import { parseWords } from '../../kernel/cgroups/files.ts'
import { parseMountinfo, type MountEntry } from '../../kernel/mountinfo.ts'
import { enableControllers, parseCgroupMount, readDelegation, WANTED } from '../../rootless/cgroup-delegation.ts'
import { withSbin } from '../../rootless/environment.ts'
import { readLivingHolder } from '../../rootless/holder-note.ts'
import { readRuntimeDirectory } from '../../rootless/root-directory.ts'
import { findUserManager, isManaged, planScope } from '../../rootless/user-manager.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { attempt, describeEnd, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, type Probe } from './probe.ts'

const readMounts = (): MountEntry[] => parseMountinfo(readText('/proc/self/mountinfo') ?? '')

const OUTSIDE = '# run outside the container or chroot you are in; or start that one with --privileged'

export const VERSION = defineProbe<readonly MountEntry[]>({
  id: 'cgroups.version',
  group: 'cgroups',
  severity: 'warning',
  title: 'cgroup v2 is mounted, and version 1 is not',
  why: 'Only version 2 lets an ordinary user limit; a controller that version 1 has is lost for version 2.',
  advice: BOOT_WITH_VERSION_2,
  see: 'cgroups(7), kernel-command-line(7)',
  read: readMounts,
  judge(mounts) {
    const v2 = mounts.find(({ type }) => type === 'cgroup2')
    const v1 = mounts.flatMap(({ type, filesystemOptions }) =>
      type === 'cgroup' ? filesystemOptions.filter((option) => CONTROLLERS_OF_V1.includes(option)) : [],
    )
    if (v2 === undefined && v1.length === 0) return bad('no cgroup filesystem is mounted here', { try: OUTSIDE })
    if (v2 === undefined) return bad(`only version 1 is mounted, with ${v1.join(', ')}`)
    if (v1.length > 0) return bad(`hybrid: version 2 at ${v2.mountPoint}, but version 1 has ${v1.join(', ')}`)
    return v2.isReadonly
      ? bad(`${v2.mountPoint} is mounted read-only: this is probably a container`, { try: OUTSIDE })
      : fine(`version 2 at ${v2.mountPoint}`)
  },
})

const CONTROLLERS_OF_V1 = ['cpu', 'cpuset', 'blkio', 'memory', 'pids']

/** The node's directory, or where it would be if the agent started now. */
interface Place {
  directory: string | undefined
  /** Why there is none. */
  reason?: string | undefined
  /** Of the controllers that limits need, those that cannot be had, each with who has it. */
  lacks: Record<string, Lack>
  /** systemd made this machine's tree. */
  systemd: boolean
}

type Found = Omit<Place, 'systemd'>

const readControllers = (directory: string): string[] => parseWords(readText(`${directory}/cgroup.controllers`))

const listLacks = (available: readonly string[], directory: string): Found['lacks'] =>
  Object.fromEntries(
    WANTED.filter((name) => !available.includes(name)).map((name) => [name, readLack(name, directory)]),
  )

/** Where cgroup2 would be (cgroups(7)). */
const USUAL = '/sys/fs/cgroup'

const NO_TREE: Lack = { found: 'no cgroup2 filesystem is mounted here', try: OUTSIDE }

/** What version 1 has is named; of the rest nothing can be known. */
const withoutTree = (): Found['lacks'] => {
  const { version1 } = parseCgroupMounts(readText('/proc/self/mountinfo') ?? '')
  return Object.fromEntries(WANTED.map((name) => [name, version1.length === 0 ? NO_TREE : readLack(name, USUAL)]))
}

/** A directory is made, filled with nothing, and removed; what was enabled for it is taken back. */
const inTrial = (base: string): Found => {
  const before = readHandedDown(base)
  const directory = `${base}/glasspod-doctor-${process.pid}`
  mkdirSync(directory)
  try {
    const refused = enableControllers(base, WANTED)
    const lacks = listLacks(readControllers(directory), base)
    if (refused === undefined) return { directory: base, lacks }
    const lack = {
      found: refused,
      try: `cat ${quoteWord(`${base}/cgroup.procs`)}  # move these processes into a directory below`,
    }
    return { directory: base, lacks: Object.fromEntries(Object.keys(lacks).map((name) => [name, lack])) }
  } finally {
    rmdirSync(directory)
    const isUsed = readdirSync(base, { withFileTypes: true }).some((entry) => entry.isDirectory())
    for (const name of readHandedDown(base).filter((controller) => !before.includes(controller)))
      if (!isUsed) writeFileSync(`${base}/cgroup.subtree_control`, `-${name}`)
  }
}

const TELL = 'd=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); echo "$d"; cat "$d/cgroup.controllers"'

const readPlace = async (host: Host): Promise<Found> => {
  const runtimeDirectory = readRuntimeDirectory(host.root, host.uid)
  const holder = runtimeDirectory === undefined ? undefined : readLivingHolder(runtimeDirectory)
  if (holder?.cgroup !== undefined && holder.cgroup !== null)
    return { directory: holder.cgroup, lacks: listLacks(readHandedDown(holder.cgroup), holder.cgroup) }
  const mountPoint = parseCgroupMount(readText('/proc/self/mountinfo') ?? '')?.mountPoint
  if (mountPoint === undefined) return { directory: undefined, reason: NO_TREE.found, lacks: withoutTree() }
  const none = (reason: string | undefined): Found => ({
    directory: undefined,
    reason,
    lacks: listLacks(readControllers(mountPoint), mountPoint),
  })
  if (host.byRoot) return { ...none(undefined), directory: `${mountPoint}/glasspod` }
  const { base, reason } = readDelegation()
  if (base !== undefined && !isManaged(base, host.uid)) return inTrial(base)
  const manager = findUserManager(host.uid, withSbin(host.env['PATH']))
  if (manager === undefined) return none(reason)
  const env = { ...host.env, XDG_RUNTIME_DIR: manager.runtimeDirectory }
  const scope = await attempt([...planScope('glasspod-doctor'), 'sh', '-c', TELL], { env })
  const [directory = '', ...controllers] = scope.printed.split(/\s+/)
  return scope.code === 0
    ? { directory, lacks: listLacks(controllers, dirname(directory)) }
    : none(`systemd-run --user: ${describeEnd(scope)}`)
}

const asked = new WeakMap<Host, Promise<Place>>()

/** Asked once for all the probes of this file. */
const readOnce = (host: Host): Promise<Place> => {
  const place =
    asked.get(host) ??
    readPlace(host).then((found) => ({ ...found, systemd: readText('/proc/1/comm')?.trim() === 'systemd' }))
  asked.set(host, place)
  return place
}

export const DELEGATION = defineProbe<Place>({
  id: 'cgroups.delegation',
  group: 'cgroups',
  severity: 'warning',
  title: 'a cgroup directory is delegated to the user',
  why:
    'A limit is a file in a cgroup directory, and an ordinary user may write only below one that was given to him: by ' +
    'his systemd, or by root. Without one there are no limits, no --share pid, and nothing ends a container at once.',
  advice: 'sudo loginctl enable-linger USER  # then log in anew (ssh, not su); or sudo glasspod, which makes its own',
  see: 'cgroups(7), systemd.resource-control(5), loginctl(1)',
  read: readOnce,
  judge: ({ directory, reason, systemd }) => {
    if (directory !== undefined) return fine(directory)
    return bad(
      reason ?? 'none',
      systemd
        ? {}
        : { try: 'sudo glasspod info  # it goes on as the system user glasspod with a directory of its own' },
    )
  },
})

const USED_FOR: Record<string, string> = {
  cpu: '--cpus and --cpu-shares',
  cpuset: '--cpuset-cpus',
  io: 'limits of reading and writing',
  memory: '--memory, and knowing that a container died for want of it',
  pids: '--pids-limit, which stops a fork bomb',
}

const defineController = (name: string) =>
  defineProbe<Place>({
    id: `cgroups.${name}`,
    group: 'cgroups',
    severity: name === 'cpuset' || name === 'io' ? 'note' : 'warning',
    title: `the ${name} controller comes with it`,
    why: `It is needed for ${USED_FOR[name] ?? ''}. A limit that cannot be enforced is refused, never dropped.`,
    advice: DELEGATE,
    see: 'cgroups(7), systemd.resource-control(5)',
    read: readOnce,
    judge({ directory, lacks: { [name]: lack } }) {
      if (lack !== undefined) return bad(lack.found, { try: lack.try })
      return directory === undefined
        ? bad('the kernel has it, but no directory is delegated to this user', { try: DELEGATION.advice })
        : fine(`${directory} has it`)
    },
  })

export const PRESSURE = defineProbe<string | undefined>({
  id: 'cgroups.pressure',
  group: 'cgroups',
  severity: 'note',
  title: 'the kernel measures pressure (PSI)',
  why: 'How long processes wait for memory, processor or disk is shown by graph and stats, where the kernel counts it.',
  advice: bootWith('psi=1'),
  see: 'proc_pressure(5), https://docs.kernel.org/accounting/psi.html',
  read: () => readText('/proc/pressure/memory'),
  judge: (text) => (text === undefined ? bad('no /proc/pressure/memory that can be read') : fine('/proc/pressure')),
})

export const CGROUP_PROBES: readonly Probe[] = [VERSION, DELEGATION, ...WANTED.map(defineController), PRESSURE]
