/** The levels in their order. */
import type { Level } from './level.ts'
import { level as process } from './levels/00-process.ts'
import { level as chroot } from './levels/01-chroot.ts'
import { level as mounts } from './levels/02-mounts.ts'
import { level as layers } from './levels/03-layers.ts'
import { level as pid } from './levels/04-pid.ts'
import { level as utsIpc } from './levels/05-uts-ipc.ts'
import { level as users } from './levels/06-users.ts'
import { level as capabilities } from './levels/07-capabilities.ts'
import { level as cgroups } from './levels/08-cgroups.ts'
import { level as network } from './levels/09-network.ts'
import { level as cni } from './levels/10-cni.ts'
import { level as image } from './levels/11-image.ts'
import { level as pause } from './levels/12-pause.ts'
import { level as manifest } from './levels/13-manifest.ts'
import { level as debugging } from './levels/14-debugging.ts'
import { level as cleanup } from './levels/15-cleanup.ts'

export const LEVELS: readonly Level[] = [
  process,
  chroot,
  mounts,
  layers,
  pid,
  utsIpc,
  users,
  capabilities,
  cgroups,
  network,
  cni,
  image,
  pause,
  manifest,
  debugging,
  cleanup,
]
