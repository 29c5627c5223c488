/**
 * What makes a container: from its config.json and what is known of this host, the list of system calls of its init
 * program. The order is runc's standard init's, and each place where it matters says why.
 */
import type { Call } from '../init/call.ts'
import { hostArch } from '../init/program.ts'
import { planCredentials } from '../kernel/credentials.ts'
import { planAttachDevices, planDevpts, planOpenDevices } from '../kernel/devices.ts'
import { planMask, planMissing, planPrivatePropagation, planReadonly } from '../kernel/mounts.ts'
import { planJoinPid, planUnshare } from '../kernel/namespaces.ts'
import { planOomScoreAdj } from '../kernel/oom-score.ts'
import { planHostname, planLoopback } from '../kernel/own-network.ts'
import { planFilter } from '../kernel/seccomp/filter.ts'
import {
  planCopiedRoot,
  planMoveRoot,
  planOverlay,
  planPivotRoot,
  planReadonlyRoot,
  type RootTree,
} from '../kernel/rootfs.ts'
import type { OciConfig } from '../spec/oci.ts'
import type { StorageDriver } from '../spec/storage-drivers.ts'
import { planAttachMounts, planOpenMounts } from './config-mounts.ts'
import { planExecute } from './execve.ts'
import { planAwaitFuse, planFuseRoot, planServeFuse } from './fuse.ts'
import { planTellPid } from './monitor.ts'
import { planMonitored, planStdio } from './monitored.ts'
import { planOpenTerminal, type TerminalSize } from './terminal.ts'

export interface ContainerInput {
  config: OciConfig
  /** Directory of the container's files: alive, log, exit, stdin. Absolute. */
  directory: string
  root: RootTree
  /** cgroup.procs and cgroup.kill of the container's leaf are below it; undefined where there is no cgroup. */
  cgroup: string | undefined
  /** Whether standard input is kept open for attached clients. */
  openStdin: boolean
  /** Its end never comes: not with a client that leaves, nor with the agent. */
  keepStdin?: boolean
  noPivot: boolean
  terminalSize?: TerminalSize | undefined
  host: HostFacts
}

/** What planning must know of the host, read once by the agent. */
export interface HostFacts {
  /** Highest capability of the kernel. */
  lastCap: number
  /** Ids that the user namespace maps: 0 up to this, not included. */
  mappedIds: number
  /** Sources of bind mounts that are directories. */
  isDirectory: (path: string) => boolean
}

/** Group of terminals in every distribution's /etc/group (tty). */
const TTY_GID = 5
const ttyGid = ({ mappedIds }: HostFacts) => (mappedIds > TTY_GID ? TTY_GID : undefined)

export const planContainer = (input: ContainerInput): Call[] => {
  const { config, cgroup } = input
  const podPid = config.linux.namespaces.find(({ type, path }) => type === 'pid' && path !== undefined)?.path
  const isServed = input.root.driver === 'fuse-overlayfs'
  return planMonitored({
    directory: input.directory,
    prepare: isServed ? planServeFuse(input.root) : [],
    settle: isServed ? planAwaitFuse() : [],
    openTerminal: config.process.terminal
      ? [...planDevpts(ttyGid(input.host)), ...planOpenTerminal({ load: 'devpts' })]
      : undefined,
    terminalSize: input.terminalSize,
    openStdin: input.openStdin,
    keepStdin: input.keepStdin === true,
    cgroup,
    enterPid: podPid === undefined ? planUnshare(['pid']) : planJoinPid(podPid),
    killFile: podPid !== undefined && cgroup !== undefined ? `${cgroup}/cgroup.kill` : undefined,
    inside: planInside(input),
  })
}

const ROOT: Record<StorageDriver, (root: RootTree) => Call[]> = {
  overlay: planOverlay,
  'fuse-overlayfs': planFuseRoot,
  copy: planCopiedRoot,
}

/** Namespaces that a container has to itself where its pod does not share them. */
const OWN = ['ipc', 'uts', 'net'] as const
const OCI_NAME = { ipc: 'ipc', uts: 'uts', net: 'network' } as const

/** As Docker does it: a working directory that the image lacks is made. */
const planWorkingDirectory = (path: string): Call[] =>
  planMissing(path, 'directory', 'process.cwd', 'cwd').map((call, index) => ({
    ...call,
    why: index === 0 ? `Make ${path}, where the image has none.` : '',
  }))

const planInside = ({ config, root, noPivot, host }: ContainerInput): Call[] => {
  const { process, linux } = config
  const filter = linux.seccomp && planFilter(linux.seccomp, hostArch())
  const own = OWN.filter((name) =>
    config.linux.namespaces.some(({ type, path }) => type === OCI_NAME[name] && path === undefined),
  )
  const facts = { ...host, hostNetwork: !config.linux.namespaces.some(({ type }) => type === 'network') }
  return [
    ...planUnshare(['mnt', 'cgroup', ...own]),
    ...(own.includes('uts') ? planHostname(config.hostname) : []),
    ...planTellPid(),
    ...planOomScoreAdj(process.oomScoreAdj),
    ...(own.includes('net') ? planLoopback(host.mappedIds) : []),
    ...planPrivatePropagation(),
    ...ROOT[root.driver](root),
    ...(process.terminal ? [] : planDevpts(ttyGid(host))),
    ...planOpenDevices(),
    ...planOpenMounts(config.mounts, facts),
    ...(noPivot ? planMoveRoot(root.target) : planPivotRoot(root.target)),
    // proc first: /dev's links lead into it, and the readlink of a shell's start-up too.
    ...planAttachMounts(config.mounts, facts, 'before-dev'),
    ...planAttachDevices(),
    ...planAttachMounts(config.mounts, facts, 'after-dev'),
    ...config.linux.readonlyPaths.flatMap(planReadonly),
    ...config.linux.maskedPaths.flatMap(planMask),
    ...(process.cwd === '/' ? [] : planWorkingDirectory(process.cwd)),
    ...(config.root.readonly ? planReadonlyRoot() : []),
    ...planStdio(process.terminal, process.user),
    ...planCredentials({ process, filter, setGroups: host.mappedIds > 1, lastCap: host.lastCap }),
    ...planExecute(process),
  ]
}
