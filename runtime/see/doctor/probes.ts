/** All probes, in the order in which they are shown. */
import { CGROUP_PROBES } from './cgroups.ts'
import { FUSE_PROBES } from './fuse.ts'
import { IDMAP_PROBES } from './idmap.ts'
import { KERNEL_PROBES } from './kernel.ts'
import { LIMIT_PROBES } from './limits.ts'
import { MOUNT_PROBES } from './mounts.ts'
import { NETWORK_PROBES } from './network.ts'
import type { Probe } from './probe.ts'
import { PROGRAM_PROBES } from './programs.ts'
import { RESIDUE_PROBES } from './residue.ts'
import { ROOT_PROBES } from './root.ts'
import { SESSION_PROBES } from './session.ts'
import { SUBID_PROBES } from './subids.ts'
import { UPLINK_PROBES } from './uplink.ts'
import { UPLINK_START_PROBES } from './uplink-start.ts'
import { USERNS_PROBES } from './userns.ts'

export const PROBES: readonly Probe[] = [
  ...KERNEL_PROBES,
  ...USERNS_PROBES,
  ...IDMAP_PROBES,
  ...SUBID_PROBES,
  ...CGROUP_PROBES,
  ...SESSION_PROBES,
  ...ROOT_PROBES,
  ...FUSE_PROBES,
  ...MOUNT_PROBES,
  ...NETWORK_PROBES,
  ...UPLINK_PROBES,
  ...UPLINK_START_PROBES,
  ...LIMIT_PROBES,
  ...PROGRAM_PROBES,
  ...RESIDUE_PROBES,
]
