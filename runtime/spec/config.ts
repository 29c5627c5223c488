/** From what a client asks for and what the image says to an OCI config.json. Pure: facts of the host are arguments. */
import { Failure } from '../errors.ts'
import { capabilitySets, planCapabilities } from '../kernel/capabilities.ts'
import { parseUlimit } from '../kernel/rlimits.ts'
import type { SeccompContext } from '../kernel/seccomp/profile.ts'
import { DEFAULT_PATH } from '../plan/execve.ts'
import type { CreateBody } from './create-body.ts'
import { isAsked } from './limits.ts'
import type { OciConfig, OciMount, OciProcess } from './oci.ts'
import { planResources, type HostResources } from './resources.ts'
import { planSeccomp } from './seccomp.ts'
import { resolveUser } from './users.ts'
import { parseTmpfs, parseVolume } from './volumes.ts'

/** What an image's config says of how to run it. */
export interface ImageDefaults {
  entrypoint: readonly string[]
  cmd: readonly string[]
  env: readonly string[]
  user: string
  workingDir: string
}

export interface ConfigInput {
  body: CreateBody
  image: ImageDefaults
  hostname: string
  /** Texts of the image's /etc/passwd and /etc/group. */
  passwd: string | undefined
  group: string | undefined
  /** What limits can be had of. */
  resources: HostResources
  namespaces: OciConfig['linux']['namespaces']
  /** Whether a cgroup2 filesystem can be shown inside. */
  hasCgroup: boolean
  /** Files of the pod that appear in /etc, and its shared memory. */
  podMounts: OciMount[]
  cgroupsPath: string | undefined
  /** Of this machine, for the profile of system calls: its architecture, and the kernel's release. */
  machine: Pick<SeccompContext, 'arch' | 'kernel'>
}

/** Docker's and Podman's: what changes the kernel, or tells too much of the host. */
const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** One text is one word, as in Docker's API: no shell takes it apart. */
export const words = (value: string[] | string | null | undefined): string[] | undefined =>
  typeof value === 'string' ? [value] : (value ?? undefined)

export const planArgs = (body: CreateBody, image: Pick<ImageDefaults, 'entrypoint' | 'cmd'>): string[] => {
  const entrypoint = words(body.Entrypoint)
  const cmd = words(body.Cmd)
  const given = entrypoint !== undefined && !(entrypoint.length === 1 && entrypoint[0] === '')
  // An entrypoint of one's own takes the image's command away, as in Docker.
  const args = [
    ...(entrypoint === undefined ? image.entrypoint : given ? entrypoint : []),
    ...(cmd !== undefined && cmd.length > 0 ? cmd : entrypoint === undefined ? image.cmd : []),
  ]
  if (args.length === 0)
    throw new Failure('no command: the image names none and none was given', {
      id: 'process.args',
      try: 'glasspod run IMAGE COMMAND',
      exitCode: 125,
      status: 400,
    })
  return args
}

/** Later entries win; a name without a value takes nothing from the host: the agent's environment is nobody's. */
export const mergeEnv = (...lists: readonly (readonly string[])[]): string[] => {
  const merged = new Map<string, string>()
  for (const entry of lists.flat()) {
    const at = entry.indexOf('=')
    if (at > 0) merged.set(entry.slice(0, at), entry)
  }
  return [...merged.values()]
}

export const planProcess = (
  input: Pick<ConfigInput, 'body' | 'image' | 'passwd' | 'group' | 'hostname'>,
): OciProcess => {
  const { body, image, passwd, group, hostname } = input
  const user = resolveUser({
    user: body.User === undefined || body.User === '' ? image.user : body.User,
    passwd,
    group,
  })
  const bounding = planCapabilities({ add: body.HostConfig?.CapAdd ?? [], drop: body.HostConfig?.CapDrop ?? [] })
  const env = mergeEnv(
    [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${hostname}`, `HOME=${user.home}`, ...(body.Tty === true ? ['TERM=xterm'] : [])],
    image.env,
    body.Env ?? [],
  )
  const cwd = body.WorkingDir === undefined || body.WorkingDir === '' ? image.workingDir || '/' : body.WorkingDir
  if (!cwd.startsWith('/'))
    throw new Failure(`the working directory '${cwd}' is invalid, it needs to be an absolute path`, {
      id: 'process.cwd',
      exitCode: 125,
      status: 400,
    })
  const strange = securityOptions(body).find(
    (option) => !/^(?:seccomp[:=].*|no-new-privileges(?:[:=](?:true|false))?)$/s.test(option),
  )
  if (strange !== undefined)
    throw new Failure(`security option ${strange} is not supported`, {
      id: 'process.security-opt',
      try: 'no-new-privileges, seccomp=FILE or seccomp=unconfined',
      exitCode: 125,
      status: 400,
    })
  return {
    terminal: body.Tty === true,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: planArgs(body, image),
    env,
    cwd,
    capabilities: capabilitySets(bounding, user.uid),
    rlimits: [
      ...(body.HostConfig?.Ulimits ?? []).map(({ Name, Soft, Hard }) => parseUlimit(`${Name}=${Soft}:${Hard}`)),
      ...(body.Glasspod?.ulimits ?? []).map(parseUlimit),
    ],
    noNewPrivileges: securityOptions(body).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)),
    ...planOomScoreAdj(body.HostConfig?.OomScoreAdj ?? 0),
  }
}

/** 0 is what clients send that do not ask: the agent's own value then stays. */
const planOomScoreAdj = (value: number): Pick<OciProcess, 'oomScoreAdj'> => {
  if (!Number.isInteger(value) || value < -1000 || value > 1000)
    throw new Failure(`invalid value ${value}, range for oom score adj is [-1000, 1000]`, {
      id: 'process.oom-score-adj',
      see: 'proc_pid_oom_score_adj(5)',
      exitCode: 125,
      status: 400,
    })
  return value === 0 ? {} : { oomScoreAdj: value }
}

const securityOptions = (body: CreateBody): string[] => body.HostConfig?.SecurityOpt ?? []

const planMounts = ({ hasCgroup, podMounts, body }: ConfigInput): OciMount[] => {
  const standard: OciMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
    },
  ]
  const cgroup: OciMount[] = hasCgroup
    ? [
        {
          destination: '/sys/fs/cgroup',
          type: 'cgroup',
          source: 'cgroup',
          options: ['nosuid', 'noexec', 'nodev', 'ro'],
        },
      ]
    : []
  const asked = [
    ...(body.HostConfig?.Binds ?? []).map(parseVolume),
    ...Object.entries(body.HostConfig?.Tmpfs ?? {}).map(([path, options]) => parseTmpfs(path, options)),
  ]
  const seen = new Set<string>()
  for (const { destination } of asked) {
    if (seen.has(destination))
      throw new Failure(`duplicate mount point: ${destination}`, {
        id: 'volumes.duplicate',
        exitCode: 125,
        status: 400,
      })
    seen.add(destination)
  }
  const given = new Set([...seen, ...podMounts.map(({ destination }) => destination)])
  return [
    ...[...standard, ...cgroup].filter(({ destination }) => !given.has(destination)),
    ...podMounts.filter(({ destination }) => !seen.has(destination)),
    ...asked,
  ]
}

/** What clients of the Docker API may ask for and is not had here: refused by name, never dropped. */
const UNSUPPORTED = [
  // of version 1 of cgroups, or of the runtime's own directory
  ...['BlkioWeight', 'BlkioWeightDevice', 'CpuRealtimePeriod', 'CpuRealtimeRuntime', 'KernelMemory', 'KernelMemoryTCP'],
  ...['MemorySwappiness', 'OomKillDisable', 'CgroupParent', 'DeviceCgroupRules', 'Devices', 'DeviceRequests'],
  ...['Privileged', 'Mounts', 'VolumesFrom', 'GroupAdd', 'Sysctls', 'StorageOpt', 'PidMode', 'Links', 'Init'],
]

export const refuseUnsupported = (config: object): void => {
  const asked = Object.entries(config).find(
    // -1 is docker's way to say that swappiness is not asked for
    ([name, value]) => UNSUPPORTED.includes(name) && isAsked(value) && value !== -1,
  )
  if (asked === undefined) return
  throw new Failure(`HostConfig.${asked[0]} is not supported`, {
    id: 'container.unsupported',
    exitCode: 125,
    status: 400,
  })
}

export const planConfig = (input: ConfigInput): OciConfig => {
  refuseUnsupported(input.body.HostConfig ?? {})
  const process = planProcess(input)
  const capabilities = process.capabilities.bounding
  const seccomp = planSeccomp(securityOptions(input.body), { ...input.machine, capabilities })
  return {
    ociVersion: '1.2.0',
    hostname: input.hostname,
    root: { path: 'rootfs', readonly: input.body.HostConfig?.ReadonlyRootfs === true },
    process,
    mounts: planMounts(input),
    linux: {
      namespaces: input.namespaces,
      ...(input.cgroupsPath === undefined ? {} : { cgroupsPath: input.cgroupsPath }),
      resources: planResources(input.body.HostConfig ?? {}, input.resources),
      maskedPaths: MASKED,
      readonlyPaths: READONLY,
      ...(seccomp === undefined ? {} : { seccomp }),
    },
    annotations: input.body.Labels ?? {},
  }
}
