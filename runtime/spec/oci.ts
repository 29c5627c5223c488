/**
 * The OCI runtime specification's config.json, as far as this runtime reads it: the contract between what a user asks
 * for (flags, an image's config, a pod) and the plan that makes it (runtime-spec 1.2, config.md and config-linux.md).
 */
import type { LinuxSeccomp } from '../kernel/seccomp/profile.ts'
import type { BlockIoResources } from './block-io.ts'
import type { CpuResources, PidsResources } from './cpus.ts'
import type { MemoryResources } from './memory-size.ts'

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup'

export interface OciMount {
  destination: string
  type: string
  source: string
  /** As in mount(8): ro, nosuid, nodev, noexec, mode=755, size=64m ... */
  options: string[]
}

export interface OciProcess {
  terminal: boolean
  /** The user of the container, as the container counts. */
  user: { uid: number; gid: number; additionalGids: number[]; umask?: number }
  args: string[]
  env: string[]
  cwd: string
  /** Names as in capabilities(7): CAP_CHOWN. */
  capabilities: {
    bounding: string[]
    effective: string[]
    permitted: string[]
    inheritable: string[]
    ambient: string[]
  }
  rlimits: { type: string; soft: number | bigint; hard: number | bigint }[]
  noNewPrivileges: boolean
  /** Absent: as the agent's. */
  oomScoreAdj?: number
}

export interface OciResources {
  memory?: MemoryResources
  cpu?: CpuResources
  pids?: PidsResources
  blockIO?: BlockIoResources
  /** Files of the cgroup directory by their names. */
  unified?: Record<string, string>
}

export interface OciConfig {
  ociVersion: '1.2.0'
  hostname: string
  root: { path: string; readonly: boolean }
  process: OciProcess
  mounts: OciMount[]
  linux: {
    /** A namespace with a path is joined, one without is made. */
    namespaces: { type: NamespaceType; path?: string }[]
    cgroupsPath?: string
    resources: OciResources
    maskedPaths: string[]
    readonlyPaths: string[]
    /** What system calls it may make; absent: all. */
    seccomp?: LinuxSeccomp
  }
  annotations: Record<string, string>
}
